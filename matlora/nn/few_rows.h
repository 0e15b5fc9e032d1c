// Products of a few rows with linear layers' weights, c = a·wᵀ: a step of decoding. Reading w is
// most of the work, so nothing of it is copied, where gemm.h packs panels.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

namespace matlora::nn {

/// Whether multiply_few_rows takes a·b on this processor: 1..32 rows of a [N, K], b = wᵀ with the
/// rows of w [M, K] contiguous, float32 or bfloat16.
bool is_few_rows(const at::Tensor& a, const at::Tensor& b);

/// c = a·wᵀ or, with `accumulate`, c += a·wᵀ for every w of `weights` and c of `outputs`, with sums
/// in float32. A row's result is the same to the bit for any number of threads and whatever the
/// other rows are, among up to three rows as among four and more.
void multiply_few_rows(const at::Tensor& a, std::span<const at::Tensor> weights,
                       std::span<at::Tensor> outputs, bool accumulate);

}  // namespace matlora::nn
