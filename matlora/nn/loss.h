// Cross-entropy of next tokens: nll_j = log Σ_v exp(z_jv) - z_j,label_j, in float32, in nats.
#pragma once

#include <ATen/core/Tensor.h>

namespace matlora::nn {

/// logits: [M, V] in any float dtype, labels: [M] int64 -> [M] float32, differentiable.
at::Tensor token_losses(const at::Tensor& logits, const at::Tensor& labels);

}  // namespace matlora::nn
