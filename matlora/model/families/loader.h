// Builds a model's modules from a source of weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "matlora/base/hash.h"
#include "matlora/nn/decoder.h"

namespace matlora::model {

class WeightSource;
struct Family;
struct Hyperparameters;

/// Where the weights of the layers' linear maps are. Embeddings, norms and biases are in memory.
enum class Weights {
  in_memory,
  on_demand,  // nn::Linear::stored; only for float32 on the CPU, elsewhere in memory all the same
};

/// Of the tensors, and where they come from.
struct Placing {
  at::ScalarType dtype;
  at::Device device;
  Weights weights;

  bool on_demand() const {
    return weights == Weights::on_demand && dtype == at::kFloat && device.is_cpu();
  }
};

/// Hands out the tensors of one model. Names are transformers'. Everything that it hands out is
/// part of the model's digest.
class Loader {
 public:
  Loader(std::shared_ptr<const WeightSource> source, Placing placing);

  /// Throws UserError when it is missing or not of `shape`.
  at::Tensor tensor(const std::string& name, const std::vector<int64_t>& shape);
  /// `name`.weight [out, in] and with `bias` `name`.bias [out].
  nn::Linear linear(const std::string& name, int64_t out, int64_t in, bool bias = false);

  /// The whole model. frequencies: one for each of the hyperparameters' ropes.
  nn::Decoder build(const Family& family, const Hyperparameters& of,
                    const std::vector<std::vector<float>>& frequencies);

  /// Of everything so far: 32 hexadecimal digits, a hash of shapes and of every number as float32.
  std::string digest() const;

 private:
  void add_to_digest(const at::Tensor& tensor);

  std::shared_ptr<const WeightSource> source_;
  Placing placing_;
  std::vector<Hash> hashes_;
};

/// `model.layers.INDEX.`
std::string layer_prefix(int64_t index);

/// The layer that most families have or begin with: two norms, q, k, v, o and gate, up, down apart.
nn::DecoderLayer standard_layer(int64_t index, Loader& loader, const Hyperparameters& of);

}  // namespace matlora::model
