// The gated units of feed-forward layers: y = f(gate) ∘ up. Source: Shazeer 2020, arXiv 2002.05202.
//   silu       f(g) = g / (1 + exp(-g))
//   gelu_tanh  f(g) = g/2 · (1 + tanh(√(2/π) (g + 0.044715 g³)))    (Gemma)
#pragma once

#include <ATen/core/Tensor.h>

namespace matlora::nn {

enum class Activation { silu, gelu_tanh };

/// gate, up: [N, F], one dtype -> [N, F].
at::Tensor gated_unit(const at::Tensor& gate, const at::Tensor& up, Activation activation);

/// The same in ATen's operations: what the kernel is tested against, and other devices and dtypes
/// use.
at::Tensor plain_gated_unit(const at::Tensor& gate, const at::Tensor& up, Activation activation);

/// silu's.
at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);
at::Tensor plain_swiglu(const at::Tensor& gate, const at::Tensor& up);

}  // namespace matlora::nn
