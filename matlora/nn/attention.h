// What an attention layer may vary: its scale, a soft cap of its scores, a window.
//   o_t = Σ_u softmax_u(cap(scale · q_t · k_u)) v_u,   cap(z) = soft_cap · tanh(z / soft_cap)
// over the tokens u <= t of t's sequence, with a window only those with t - u < window. Sources:
// transformers, modeling_gemma2.py (soft cap, scale), masking_utils.py (window).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace matlora::nn {

struct Attention {
  double scale = 0;     // 0: 1/√D, D the head's size
  double soft_cap = 0;  // 0: none
  int64_t window = 0;   // tokens that one sees, itself included; 0: all before it
  int32_t rope = 0;     // which of the model's frequencies turn queries and keys; -1: none

  /// The factor of q·k for heads of `head_dim` numbers.
  double factor(int64_t head_dim) const;
};

/// The definition, in ATen's operations. q: [.., n, D] the last n of the m tokens of a sequence,
/// k, v: [.., m, D] -> [.., n, D]. Differentiable.
at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const Attention& how);

}  // namespace matlora::nn
