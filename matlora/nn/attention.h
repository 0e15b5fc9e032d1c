// Causal softmax attention with grouped queries over sequences that lie packed one after the other:
//   o_t = Σ_{u <= t} softmax_u(q_t · k_u / √D) v_u,
// t and u within one sequence; query head h reads key head h / (H / H_kv).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace matlora::nn {

/// q: [N, H, D]; k, v: [N, H_kv, D], N the sum of `lengths` -> [N, H·D].
at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            std::span<const int64_t> lengths);

}  // namespace matlora::nn
