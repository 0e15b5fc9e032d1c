// Causal attention (attention.h) with grouped queries over sequences packed one after the other:
// query head h reads key head h / (H / H_kv).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "matlora/nn/attention.h"

namespace matlora::nn {

/// q: [N, H, D]; k, v: [N, H_kv, D], one dtype, N the sum of `lengths` -> [N, H·D]. The kernel
/// holds no more than 64 rows of probabilities per thread and makes them again for the gradient
/// (Dao et al. 2022, arXiv 2205.14135). Of keys older than the window it makes no products.
at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            std::span<const int64_t> lengths, const Attention& how = {});

/// The same in ATen's operations: what the kernel is tested against, and other devices and dtypes
/// use.
at::Tensor plain_packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  std::span<const int64_t> lengths, const Attention& how = {});

}  // namespace matlora::nn
