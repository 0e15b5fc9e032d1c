// Records -> prompts to complete. A record has one of
//   "prompt"     the text itself
//   "question"   in the form of training (examples.h): "Question: {q}\nAnswer: "
// and may have any other fields: the files that one trains on will do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/text/tokenizer.h"

namespace matlora::data {

struct Prompt {
  std::vector<int32_t> tokens;  // with the special ones that begin a text
  std::string where;            // FILE:LINE
};

/// "Question: {q}\nAnswer: "
std::string question_prompt(const std::string& question);

/// The prompts of the first `limit` records (0: all) of a JSONL file. Throws UserError `FILE:LINE:
/// ..` for a broken line, a record with neither field and a field that is not a string. An empty
/// text has no tokens where the tokenizer adds none.
std::vector<Prompt> read_prompts(const std::filesystem::path& path,
                                 const text::Tokenizer& tokenizer, int64_t limit);

}  // namespace matlora::data
