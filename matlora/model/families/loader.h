// Builds a model's modules from a source of weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "matlora/base/error.h"
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
  /// `name`.weight [size] plus `offset`, which is added in float32; where there is an offset the
  /// norm stays in float32, as it is added there in transformers too.
  at::Tensor norm(const std::string& name, int64_t size, double offset);
  /// `name`.weight [out, in] and with `bias` `name`.bias [out].
  nn::Linear linear(const std::string& name, int64_t out, int64_t in, bool bias = false);

  /// The whole model. ropes: one for each of the hyperparameters', on the CPU.
  nn::Decoder build(const Family& family, const Hyperparameters& of,
                    const std::vector<nn::Rope>& ropes);

  /// Of everything so far: 32 hexadecimal digits, a hash of shapes and of every number as float32.
  std::string digest() const;

 private:
  void add_to_digest(const at::Tensor& tensor);
  nn::DecoderLayer layer(int64_t index, const Family& family, const Hyperparameters& of);
  void add_norms(const std::string& prefix, const Family& family, const Hyperparameters& of,
                 nn::DecoderLayer& layer);
  void add_projections(const std::string& prefix, const Family& family, const Hyperparameters& of,
                       nn::DecoderLayer& layer);

  std::shared_ptr<const WeightSource> source_;
  Placing placing_;
  std::vector<Hash> hashes_;
};

}  // namespace matlora::model
