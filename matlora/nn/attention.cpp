// H query heads, H_kv key heads, D head_dim, N tokens of a pack, n tokens of one sequence.
#include "matlora/nn/attention.h"

#include <ATen/ATen.h>

#include <vector>

namespace matlora::nn {
namespace {

/// Queries [n, H, D] -> [H_kv, H/H_kv, n, D]: a batch of the heads that read one key head.
at::Tensor by_group(const at::Tensor& q, int64_t kv_heads) {
  return q.view({q.size(0), kv_heads, -1, q.size(2)}).permute({1, 2, 0, 3});
}

/// Keys or values [M, H_kv, D] -> [H_kv, group, M, D], one for all heads of its group.
at::Tensor for_group(const at::Tensor& k, int64_t group) {
  return k.transpose(0, 1).unsqueeze(1).expand({-1, group, -1, -1});
}

/// [H_kv, H/H_kv, n, D] -> [n, H·D]
at::Tensor by_token(const at::Tensor& x) {
  return x.permute({2, 0, 1, 3}).reshape({x.size(2), -1});
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const int64_t kv_heads = k.size(1), group = q.size(1) / kv_heads;
  return by_token(at::scaled_dot_product_attention(by_group(q, kv_heads), for_group(k, group),
                                                   for_group(v, group), /*attn_mask=*/{},
                                                   /*dropout_p=*/0.0, /*is_causal=*/true));
}

}  // namespace

at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            std::span<const int64_t> lengths) {
  std::vector<at::Tensor> outputs;
  outputs.reserve(lengths.size());
  int64_t start = 0;
  for (const int64_t n : lengths) {
    outputs.push_back(attend(q.narrow(0, start, n), k.narrow(0, start, n), v.narrow(0, start, n)));
    start += n;
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 0);
}

}  // namespace matlora::nn
