// What a GGUF file says of its vocabulary, for Tokenizer::from_gguf.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace matlora::text {

/// The values of tokenizer.ggml.*.
struct GgufVocabulary {
  std::string where;                 // the file, for messages
  std::string model;                 // tokenizer.ggml.model
  std::string pre;                   // tokenizer.ggml.pre
  std::vector<std::string> tokens;   // index = id
  std::vector<int64_t> token_types;  // 1 normal, 3 control, 4 user defined, ..; may be empty
  std::vector<std::string> merges;   // "left right"; of "gpt2"
  std::vector<float> scores;         // one for each token; of "llama"
  std::optional<int64_t> bos_token_id, eos_token_id, eot_token_id, eom_token_id, fim_pad_token_id,
      fim_rep_token_id, fim_sep_token_id;
  std::optional<int64_t> unknown_token_id;  // of "llama"; absent: 0
  std::optional<bool> add_space_prefix;     // of "llama"; absent: true
  std::optional<bool> add_bos, add_eos;     // absent: llama.cpp's default for `pre`
};

}  // namespace matlora::text
