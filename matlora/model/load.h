// A base model from disk: a HF directory or a GGUF file -> nn::Decoder, tokenizer, facts.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/model/families/family.h"
#include "matlora/nn/decoder.h"
#include "matlora/text/tokenizer.h"

namespace matlora::model {

struct Model {
  std::filesystem::path path;
  nn::Decoder decoder;
  Hyperparameters config;
  text::Tokenizer tokenizer;
  std::vector<int32_t> stop_ids;  // tokens that end a generation; the first one ends an answer
  int32_t end_id() const { return stop_ids.empty() ? -1 : stop_ids.front(); }  ///< -1: none
  /// What the base is: 32 hexadecimal digits, a hash of its shapes and of every number as stored.
  /// The same in every dtype it is loaded in, and from a HF directory and a GGUF of equal weights.
  std::string digest;
};

/// Loads `path`: a directory with config.json, model.safetensors (or model.safetensors.index.json
/// and its shards) and tokenizer.json, or a file ending in .gguf (of a model in several, the
/// first). What a GGUF file does not say of BOS and of ends is as in llama.cpp. Files stay mapped;
/// weights whose stored dtype is `dtype` are used in place on the CPU. Throws UserError naming the
/// file and the part that is missing, unsupported or of another shape than the configuration says.
Model load(const std::filesystem::path& path, at::ScalarType dtype, at::Device device,
           Weights weights = Weights::in_memory, std::span<const Family> known = families());

/// Only the family and the hyperparameters of such a path.
Configuration read_configuration(const std::filesystem::path& path);

/// Only the tokenizer of such a path.
text::Tokenizer load_tokenizer(const std::filesystem::path& path);

}  // namespace matlora::model
