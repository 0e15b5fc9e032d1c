// y = x Wᵀ + bias + (x downᵀ) upᵀ: a frozen linear layer and, where it has a Delta, its low-rank
// change. Layers that read the same x are computed together: one product with all of their `down`
// matrices, one gradient of x.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "matlora/nn/delta.h"

namespace matlora::nn {

/// A frozen linear layer.
struct Linear {
  at::Tensor weight;                   // [out, in]
  at::Tensor bias;                     // [out], or undefined
  std::shared_ptr<const Delta> delta;  // or null

  int64_t in() const { return weight.size(1); }
  int64_t out() const { return weight.size(0); }

  /// x: [N, in] -> [N, out]
  at::Tensor forward(const at::Tensor& x) const;

  /// The same layer with its change added into a new weight, without gradients.
  Linear merged() const;
};

/// x: [N, in] -> one [N, out] per layer, all of one `in`.
std::vector<at::Tensor> forward_all(std::span<const Linear* const> layers, const at::Tensor& x);

}  // namespace matlora::nn
