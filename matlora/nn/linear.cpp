#include "matlora/nn/linear.h"

#include <ATen/ATen.h>

namespace matlora::nn {

at::Tensor Linear::forward(const at::Tensor& x) const {
  const at::Tensor y = at::linear(x, weight, bias);  // [N, in] -> [N, out]
  return delta ? delta->add_to(y, x) : y;
}

}  // namespace matlora::nn
