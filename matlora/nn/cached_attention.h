// Causal attention (attention.h) of new tokens over what a cache holds, with grouped queries as in
// packed_attention.h.
// On a processor the kernel passes once over a sequence's keys and values for all query heads that
// share them, with sums in float32. Not differentiable.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "matlora/nn/attention.h"
#include "matlora/nn/kv_cache.h"

namespace matlora::nn {

/// q: [N, H, D], the new tokens of all sequences one after the other -> [N, H·D]. The result for a
/// sequence does not depend on the others, nor on the number of threads. Blocks of keys that are
/// older than the window are not read.
at::Tensor cached_attention(const at::Tensor& q, std::span<const CachedSequence> sequences,
                            const Attention& how = {});

/// The same in ATen's operations: what the kernel is tested against, and other devices and dtypes
/// use.
at::Tensor plain_cached_attention(const at::Tensor& q, std::span<const CachedSequence> sequences,
                                  const Attention& how = {});

}  // namespace matlora::nn
