// The prompts of a task's documents: description, solved examples, the question.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "matlora/tasks/task.h"

namespace matlora::tasks {

/// What comes before each document's question: the description and `shots` examples out of `pool`,
/// which are the first ones or drawn by one Random(seed) for one document after the other, as
/// lm_eval/api/samplers.py does -> one text per document. Tasks that name no split to score by
/// (draws_one_more) are taken by lm-eval's fewshot_context to score the pool itself: one example
/// more is drawn, the scored document is left out, the first `shots` of the rest stay. Throws
/// UserError at --shots when the pool has too few.
std::vector<std::string> shot_prefixes(const Task& task, std::span<const Document> documents,
                                       std::span<const Document> pool, int64_t shots,
                                       uint64_t seed);

}  // namespace matlora::tasks
