// Limiting gradients by their common norm, as torch.nn.utils.clip_grad_norm_ does (transformers'
// Trainer calls it):
//   n = ‖(‖g_1‖, ‖g_2‖, ..)‖,  g_i *= min(1, max_norm / (n + 1e-6))
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

namespace matlora::train {

/// Scales the gradients of all parameters (none is a zero gradient) so that their common 2-norm is
/// at most `max_norm` (0: no limit). Returns the norm before.
double clip_gradients(std::span<const at::Tensor> parameters, double max_norm);

}  // namespace matlora::train
