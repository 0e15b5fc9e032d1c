// Products of a few rows with a linear layer's weight, c = a·wᵀ: a step of decoding. Reading w is
// most of the work, so nothing of it is copied: dot products, where gemm.h packs panels.
#pragma once

#include <ATen/core/Tensor.h>

namespace matlora::nn {

/// Whether multiply_few_rows takes a·b on this processor: 1..32 rows of a, b = wᵀ with the rows of
/// w [M, K] contiguous, float32 or bfloat16.
bool is_few_rows(const at::Tensor& a, const at::Tensor& b);

/// product.h's multiply(), with sums in float32. A row's result is the same to the bit whatever
/// rows stand beside it and for any number of threads.
void multiply_few_rows(const at::Tensor& a, const at::Tensor& b, at::Tensor& c, bool accumulate);

}  // namespace matlora::nn
