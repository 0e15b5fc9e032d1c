// The gradients of a list of parameters.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace matlora::train {

/// The gradient of each parameter; where there is none it becomes zeros.
std::vector<at::Tensor> gradients_of(std::span<const at::Tensor> parameters);

/// Clears all gradients.
void drop_gradients(std::span<const at::Tensor> parameters);

}  // namespace matlora::train
