// Root mean square normalisation: y = w ∘ x / sqrt(mean(x²) + eps), the mean over the last axis, in
// float32. Source: Zhang and Sennrich 2019, arXiv 1910.07467; order of casts as in transformers'
// LlamaRMSNorm (the normalised x is rounded to the model's dtype before w multiplies it).
#pragma once

#include <ATen/core/Tensor.h>

namespace matlora::nn {

/// x: [N, C]; weight: [C] frozen, of x's dtype or float32 -> [N, C] in x's dtype.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

/// The same in ATen's operations: what the kernel is tested against, and other devices and dtypes
/// use.
at::Tensor plain_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

}  // namespace matlora::nn
