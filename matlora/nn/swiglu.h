// The gated unit of Llama's feed-forward layers: y = silu(gate) ∘ up, silu(g) = g / (1 + exp(-g)).
// Source: Shazeer 2020, arXiv 2002.05202.
#pragma once

#include <ATen/core/Tensor.h>

namespace matlora::nn {

/// gate, up: [N, F], one dtype -> [N, F].
at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);

/// The same in ATen's operations: what the kernel is tested against, and other devices and dtypes
/// use.
at::Tensor plain_swiglu(const at::Tensor& gate, const at::Tensor& up);

}  // namespace matlora::nn
