#include "matlora/nn/rms_norm.h"

#include <ATen/ATen.h>

namespace matlora::nn {

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const bool wide = x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble;
  const at::Tensor x32 = wide ? x : x.to(at::kFloat);
  const at::Tensor inverse = at::rsqrt(x32.square().mean(-1, /*keepdim=*/true) + eps);  // [N, 1]
  return (x32 * inverse).to(x.scalar_type()) * weight;
}

}  // namespace matlora::nn
