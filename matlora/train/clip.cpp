#include "matlora/train/clip.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <vector>

#include "matlora/train/gradients.h"

namespace matlora::train {
namespace {

constexpr double kEps = 1e-6;

double global_norm(const std::vector<at::Tensor>& gradients) {
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients))).item<double>();
}

}  // namespace

double clip_gradients(std::span<const at::Tensor> parameters, double max_norm) {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = gradients_of(parameters);
  const double norm = global_norm(gradients);
  if (max_norm > 0) {
    const double factor = std::min(1.0, max_norm / (norm + kEps));
    if (factor < 1) at::_foreach_mul_(gradients, factor);
  }
  return norm;
}

}  // namespace matlora::train
