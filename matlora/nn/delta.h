// The seam through which an adapter changes a frozen linear layer; nn knows nothing more of it.
#pragma once

#include <ATen/core/Tensor.h>

namespace matlora::nn {

/// A change of rank w: x -> (x downᵀ) upᵀ. Undefined tensors: no change.
struct LowRank {
  at::Tensor down;  // [w, in]
  at::Tensor up;    // [out, w]

  bool defined() const { return down.defined(); }
};

/// Something added to a linear layer's output.
class Delta {
 public:
  virtual ~Delta() = default;

  /// Both factors in `dtype`, differentiable.
  virtual LowRank factors(at::ScalarType dtype) const = 0;
};

}  // namespace matlora::nn
