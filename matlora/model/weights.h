// Where a model's weights come from, by transformers' names and shapes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "matlora/format/gguf.h"
#include "matlora/format/llama_config.h"

namespace matlora::model {

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual bool has(const std::string& name) const = 0;
  /// The weight in its stored dtype (GGUF: float32), on the CPU, perhaps in the mapped file (which
  /// the tensor then keeps alive). Throws UserError when it is missing or not of `shape`.
  virtual at::Tensor get(const std::string& name, const std::vector<int64_t>& shape) const = 0;
  /// The same in memory of the caller's own; what is mapped of it leaves memory.
  virtual at::Tensor copy(const std::string& name, const std::vector<int64_t>& shape) const = 0;
  virtual std::string where() const = 0;  ///< for messages
};

/// model.safetensors, or the shards that model.safetensors.index.json names.
std::unique_ptr<WeightSource> open_hf_weights(const std::filesystem::path& directory);

/// A GGUF file of the llama architecture: names mapped, q and k rows brought back to transformers'
/// order, blocks dequantised.
std::unique_ptr<WeightSource> open_gguf_weights(format::Gguf file, format::LlamaConfig config);

/// `transformers` name -> GGUF name ("" when there is none).
std::string gguf_name(const std::string& name);

}  // namespace matlora::model
