// Where a model's weights come from, by transformers' names and shapes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "matlora/format/gguf.h"
#include "matlora/model/families/family.h"

namespace matlora::model {

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual bool has(const std::string& name) const = 0;
  /// The weight in its stored dtype (GGUF: float32), on the CPU, perhaps in the mapped file (which
  /// the tensor then keeps alive). Throws UserError when it is missing or not of `shape`.
  virtual at::Tensor get(const std::string& name, const std::vector<int64_t>& shape) const = 0;
  /// The same in new memory; what is mapped of it leaves memory.
  virtual at::Tensor copy(const std::string& name, const std::vector<int64_t>& shape) const = 0;
  virtual std::string where() const = 0;  ///< for messages
};

/// The name in a language model without a wrapper: wrappers of several models have it as
/// `language_model.model.X`, `model.language_model.X` or `model.text_model.X`.
std::string plain_name(const std::string& name);

/// model.safetensors, or the shards that model.safetensors.index.json names.
std::unique_ptr<WeightSource> open_hf_weights(const std::filesystem::path& directory);

/// A GGUF file of this family: names mapped, values as transformers stores them, blocks
/// dequantised.
std::unique_ptr<WeightSource> open_gguf_weights(format::Gguf file, Configuration config);

}  // namespace matlora::model
