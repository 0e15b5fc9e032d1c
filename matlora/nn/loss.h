// Cross-entropy of next tokens: loss_j = log Σ_v exp(z_jv) - z_j,label_j with z = h Wᵀ, in float32,
// in nats. The logits exist for a few rows at a time only, in the forward pass, which makes their
// gradient too: memory does not grow with rows x vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

namespace matlora::nn {

struct LabelScores {
  at::Tensor losses;   // [M] float32 (float64 for float64 h), differentiable in h
  at::Tensor correct;  // [M] bool: the label has the first of the largest logits
};

/// h: [M, C] normalised hidden rows; weight: [V, C] frozen, of the same dtype; labels: [M] int64.
/// soft_cap: z becomes cap · tanh(z / cap) first (Gemma 2); 0: none.
LabelScores score_labels(const at::Tensor& h, const at::Tensor& weight, const at::Tensor& labels,
                         double soft_cap = 0);

/// The same in ATen's operations, all logits at once: what the above is tested against.
LabelScores plain_score_labels(const at::Tensor& h, const at::Tensor& weight,
                               const at::Tensor& labels, double soft_cap = 0);

}  // namespace matlora::nn
