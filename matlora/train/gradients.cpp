#include "matlora/train/gradients.h"

#include <ATen/ATen.h>

namespace matlora::train {

std::vector<at::Tensor> gradients_of(std::span<const at::Tensor> parameters) {
  std::vector<at::Tensor> result;
  result.reserve(parameters.size());
  for (const at::Tensor& p : parameters) {
    if (!p.grad().defined()) p.mutable_grad() = at::zeros_like(p);
    result.push_back(p.grad());
  }
  return result;
}

void drop_gradients(std::span<const at::Tensor> parameters) {
  for (const at::Tensor& p : parameters) p.mutable_grad() = at::Tensor();
}

}  // namespace matlora::train
