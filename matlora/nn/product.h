// Matrix products. On processors with AVX2 or AVX-512, float32 runs on a kernel of our own: it adds
// onto a matrix that is there, takes any strides without a copy of either operand, and needs no
// memory beyond a panel per thread. Everything else is ATen's.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace matlora::nn {

/// c = a·b, or c += a·b with `accumulate`. a: [N, K], b: [K, M], any strides; c: [N, M], rows of
/// contiguous numbers. One dtype. Not differentiable.
void multiply(const at::Tensor& a, const at::Tensor& b, at::Tensor& c, bool accumulate);

/// a·b, as a new tensor.
at::Tensor product(const at::Tensor& a, const at::Tensor& b);

/// a·wᵀ for each of the `weights` [M_i, K], together: layers that read the same input.
std::vector<at::Tensor> products(const at::Tensor& a, std::span<const at::Tensor> weights);

}  // namespace matlora::nn
