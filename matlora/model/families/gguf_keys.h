// What a GGUF file says of a model: the metadata of its architecture, from hyperparameters.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/format/gguf_writer.h"
#include "matlora/model/families/family.h"

namespace matlora::model {

struct GgufKeys {
  format::GgufPairs pairs;
  /// Tensors that are no weights: what rope divides its frequencies by.
  std::vector<std::pair<std::string, std::vector<float>>> tensors;
};

/// general.* and ARCHITECTURE.* (ggml's docs/gguf.md; llama.cpp's convert_hf_to_gguf.py). base: the
/// directory that the model is from. Throws UserError where GGUF has no architecture for the
/// family.
GgufKeys gguf_keys(const Configuration& model, const std::filesystem::path& base);

/// Reads `keys`, which have a vocabulary, as a reader of the file would. Throws UserError that
/// lists what such a file cannot say of the model.
void check_gguf_keys(const Configuration& model, const GgufKeys& keys,
                     const std::filesystem::path& base);

}  // namespace matlora::model
