// The seam through which an adapter changes a frozen linear layer; nn knows nothing more of it.
#pragma once

#include <ATen/core/Tensor.h>

namespace matlora::nn {

/// Something added to a linear layer's output.
class Delta {
 public:
  virtual ~Delta() = default;

  /// x: [N, in], y: [N, out] the frozen layer's output, both in the model's dtype -> [N, out].
  virtual at::Tensor add_to(const at::Tensor& y, const at::Tensor& x) const = 0;
};

}  // namespace matlora::nn
