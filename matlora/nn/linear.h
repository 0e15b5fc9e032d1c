// y = x Wᵀ + bias, with an optional Delta on top.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

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
};

}  // namespace matlora::nn
