#include "matlora/nn/attention.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <optional>

namespace matlora::nn {
namespace {

/// Which of m tokens each of the last n sees: [n, m].
at::Tensor visible(int64_t n, int64_t m, int64_t window, at::Device device) {
  const at::Tensor all = at::ones({n, m}, at::TensorOptions().dtype(at::kBool).device(device));
  const at::Tensor earlier = all.tril(m - n);
  return window > 0 ? earlier.triu(m - n - window + 1) : earlier;
}

}  // namespace

double Attention::factor(int64_t head_dim) const {
  return scale != 0 ? scale : 1 / std::sqrt(static_cast<double>(head_dim));
}

at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const Attention& how) {
  const int64_t n = q.size(-2), m = k.size(-2);
  const double factor = how.factor(q.size(-1));
  const bool windowed = how.window > 0 && m > how.window;
  if (how.soft_cap == 0) {
    const bool whole = n == m && !windowed;
    std::optional<at::Tensor> mask;  // only where a token must not see another
    if (!whole && (n > 1 || windowed)) mask = visible(n, m, how.window, q.device());
    return at::scaled_dot_product_attention(q, k, v, mask, /*dropout_p=*/0.0, /*is_causal=*/whole,
                                            factor);
  }
  // Of 16 bits the cap would leave scores with steps of a quarter, so float32 at least.
  const auto wide = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor scores =
      at::matmul(q.to(wide), k.to(wide).transpose(-1, -2)) * factor;  // [.., n, m]
  const at::Tensor capped = at::tanh(scores / how.soft_cap) * how.soft_cap;
  const at::Tensor hidden = visible(n, m, how.window, q.device()).logical_not();
  const at::Tensor seen = capped.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  return at::matmul(seen.softmax(-1).to(q.scalar_type()), v);
}

}  // namespace matlora::nn
