// Records -> token ids with the part that is learned. A record is one of
//   {"question", "answer"}     prompt "Question: {q}\nAnswer: ", completion "{a}{eos}" (GSM8K)
//   {"prompt", "completion"}   prompt, completion + eos
//   {"text"}                   no prompt, text + eos
// Prompt and completion are tokenised apart; special tokens (BOS) are added to the prompt, or to a
// text, only. Only completion tokens have labels.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/text/tokenizer.h"

namespace matlora::data {

struct Example {
  std::vector<int32_t> tokens;
  int64_t first_label = 0;  // tokens[first_label..] are predicted, each from those before it

  int64_t label_tokens() const { return static_cast<int64_t>(tokens.size()) - first_label; }
};

struct ExampleOptions {
  int64_t max_length = 512;  // tokens; longer examples are cut at the end
  int64_t limit = 0;         // the first records of the file; 0: all
  int32_t eos_id = -1;       // ends a completion; -1: the model has none
};

struct Examples {
  std::vector<Example> items;  // in the order of the file
  int64_t truncated = 0;       // how many were cut at max_length
};

/// Reads a JSONL file. Throws UserError `FILE:LINE: ..` for a broken line, an unknown form of
/// record, a field that is not a string, and a record without label tokens (an empty completion, or
/// a prompt that fills max_length).
Examples read_examples(const std::filesystem::path& path, const text::Tokenizer& tokenizer,
                       const ExampleOptions& options);

}  // namespace matlora::data
