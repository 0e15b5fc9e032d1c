#include "matlora/nn/product.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "matlora/nn/few_rows.h"
#include "matlora/nn/gemm.h"

namespace matlora::nn {
namespace {

bool use_gemm(const at::Tensor& a, const at::Tensor& b) {
  return a.device().is_cpu() && a.scalar_type() == at::kFloat && a.size(0) > 1 && b.numel() > 0 &&
         has_gemm();
}

MatrixView view(const at::Tensor& x) {
  return {x.const_data_ptr<float>(), x.size(0), x.size(1), x.stride(0), x.stride(1)};
}

}  // namespace

void multiply(const at::Tensor& a, const at::Tensor& b, at::Tensor& c, bool accumulate) {
  if (is_few_rows(a, b)) {
    const at::Tensor w = b.t();
    multiply_few_rows(a, {&w, 1}, {&c, 1}, accumulate);
  } else if (use_gemm(a, b)) {
    gemm(view(a), view(b), c.mutable_data_ptr<float>(), c.stride(0), accumulate);
  } else if (accumulate) {
    c.addmm_(a, b);
  } else {
    at::mm_out(c, a, b);
  }
}

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  at::Tensor c = at::empty({a.size(0), b.size(1)}, a.options());
  multiply(a, b, c, /*accumulate=*/false);
  return c;
}

std::vector<at::Tensor> products(const at::Tensor& a, std::span<const at::Tensor> weights) {
  std::vector<at::Tensor> outputs;
  bool few_rows = !weights.empty();
  for (const at::Tensor& w : weights) {
    outputs.push_back(at::empty({a.size(0), w.size(0)}, a.options()));
    few_rows = few_rows && is_few_rows(a, w.t());
  }
  if (few_rows) {
    multiply_few_rows(a, weights, outputs, /*accumulate=*/false);
    return outputs;
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    multiply(a, weights[i].t(), outputs[i], /*accumulate=*/false);
  }
  return outputs;
}

}  // namespace matlora::nn
