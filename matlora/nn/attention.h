// Causal softmax attention with grouped queries over sequences that lie packed one after the other:
//   o_t = Σ_{u <= t} softmax_u(q_t · k_u / √D) v_u,
// t and u within one sequence; query head h reads key head h / (H / H_kv).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace matlora::nn {

/// One sequence whose last n tokens ask: q: [n, H, D]; k, v: [M, H_kv, D], M >= n -> [n, H·D].
at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

}  // namespace matlora::nn
