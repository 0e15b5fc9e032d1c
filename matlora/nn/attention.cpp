// H query heads, H_kv key heads, D head_dim, N tokens of a pack, n and M tokens of one sequence.
#include "matlora/nn/attention.h"

#include <ATen/ATen.h>

#include <vector>

namespace matlora::nn {
namespace {

/// [n, H, D] -> [1, heads, n, D], each head repeated to make up `heads`.
at::Tensor by_head(const at::Tensor& x, int64_t heads) {
  const int64_t n = x.size(0), own = x.size(1), dim = x.size(2);
  at::Tensor y = x.transpose(0, 1);  // [H, n, D]
  if (own != heads) {
    y = y.unsqueeze(1).expand({own, heads / own, n, dim}).reshape({heads, n, dim});
  }
  return y.unsqueeze(0);
}

/// [1, H, n, D] -> [n, H·D]
at::Tensor by_token(const at::Tensor& x) {
  return x.squeeze(0).transpose(0, 1).reshape({x.size(2), -1});
}

}  // namespace

at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            std::span<const int64_t> lengths) {
  const int64_t heads = q.size(1);
  std::vector<at::Tensor> outputs;
  outputs.reserve(lengths.size());
  int64_t start = 0;
  for (const int64_t n : lengths) {
    const auto own = [&](const at::Tensor& x) { return by_head(x.narrow(0, start, n), heads); };
    outputs.push_back(by_token(at::scaled_dot_product_attention(
        own(q), own(k), own(v), /*attn_mask=*/{}, /*dropout_p=*/0.0, /*is_causal=*/true)));
    start += n;
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 0);
}

at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const int64_t heads = q.size(1), n = q.size(0), all = k.size(0);
  at::Tensor mask;  // only where a token must not see a later one of a continued sequence
  if (n > 1) {
    mask = at::ones({n, all}, q.options().dtype(at::kBool)).tril(all - n);
  }
  return by_token(at::scaled_dot_product_attention(
      by_head(q, heads), by_head(k, heads), by_head(v, heads),
      mask.defined() ? std::optional<at::Tensor>(mask) : std::nullopt));
}

}  // namespace matlora::nn
