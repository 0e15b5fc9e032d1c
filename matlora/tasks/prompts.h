// The prompts of a task's documents: description, solved examples, the question.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "matlora/tasks/task.h"

namespace matlora::tasks {

/// The documents that `shots` examples are taken from; none for 0. Throws FieldError "shots" when
/// the task has no file of them, and what read_documents throws.
std::vector<Document> read_pool(const Task& task, int64_t shots);

/// What comes before each document's question: the description and `shots` examples out of `pool`,
/// which are the first ones or drawn by one Random(seed) for one document after the other, as
/// lm_eval/api/samplers.py does -> one text per document. Where the pool holds the scored documents
/// too (draws_one_more; lm-eval's fewshot_context takes tasks that name no split to score by to be
/// such), one example more is taken, the scored document is left out, the first `shots` of the
/// rest stay; where that leaves too few, they are drawn again out of all others. Throws UserError
/// at
/// --shots when the pool has too few.
std::vector<std::string> shot_prefixes(const Task& task, std::span<const Document> documents,
                                       std::span<const Document> pool, int64_t shots,
                                       uint64_t seed);

}  // namespace matlora::tasks
