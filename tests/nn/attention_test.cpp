// Scale, soft cap and window against the formula, term by term in float64.
#include "matlora/nn/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "matlora/nn/cached_attention.h"
#include "matlora/nn/packed_attention.h"
#include "tests/support/tiny_llama.h"

namespace matlora::nn {
namespace {

using tests::random_tensor;

const Attention kKinds[] = {{},
                            {.scale = 0.3},
                            {.soft_cap = 2},
                            {.window = 3},
                            {.scale = 0.5, .soft_cap = 1.5, .window = 2},
                            {.window = 100}};

/// One head: q [n, D] the last n of the m tokens of k and v [m, D].
at::Tensor by_terms(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const Attention& how) {
  const int64_t n = q.size(0), m = k.size(0), dim = q.size(1);
  at::Tensor out = at::zeros({n, v.size(1)}, at::kDouble);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t t = m - n + i;
    std::vector<double> weights(static_cast<size_t>(m), 0.0);
    for (int64_t u = 0; u <= t; ++u) {
      if (how.window > 0 && t - u >= how.window) continue;
      double z = at::dot(q[i], k[u]).item<double>();
      z *= how.scale != 0 ? how.scale : 1 / std::sqrt(static_cast<double>(dim));
      if (how.soft_cap != 0) z = how.soft_cap * std::tanh(z / how.soft_cap);
      weights[static_cast<size_t>(u)] = std::exp(z);
    }
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (int64_t u = 0; u < m; ++u) out[i] += v[u] * (weights[static_cast<size_t>(u)] / sum);
  }
  return out;
}

/// q [n, H, D], k, v [m, H_kv, D] -> [n, H·D]
at::Tensor heads_by_terms(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const Attention& how) {
  std::vector<at::Tensor> heads;
  const int64_t group = q.size(1) / k.size(1);
  for (int64_t h = 0; h < q.size(1); ++h) {
    heads.push_back(by_terms(q.select(1, h), k.select(1, h / group), v.select(1, h / group), how));
  }
  return at::cat(heads, 1);
}

at::Tensor in_double(const at::Tensor& x) { return x.to(at::kDouble); }

TEST(Attention, PackedIsTheFormula) {
  const std::vector<int64_t> lengths = {5, 1, 7};
  const at::Tensor q = random_tensor({13, 4, 6}, 1), k = random_tensor({13, 2, 6}, 2),
                   v = random_tensor({13, 2, 6}, 3);
  for (const Attention& how : kKinds) {
    std::vector<at::Tensor> expected;
    int64_t start = 0;
    for (const int64_t n : lengths) {
      const auto own = [&](const at::Tensor& x) { return in_double(x.narrow(0, start, n)); };
      expected.push_back(heads_by_terms(own(q), own(k), own(v), how));
      start += n;
    }
    const at::Tensor whole = at::cat(expected);
    EXPECT_LE(tests::relative_error(packed_attention(q, k, v, lengths, how), whole), 2e-6);
    EXPECT_LE(tests::relative_error(plain_packed_attention(q, k, v, lengths, how), whole), 2e-6);
  }
}

TEST(Attention, CachedIsTheFormula) {
  const at::Tensor k = random_tensor({9, 2, 6}, 2), v = random_tensor({9, 2, 6}, 3);
  for (const int64_t count : {1, 4}) {
    const at::Tensor q = random_tensor({count, 4, 6}, 1);
    const CachedSequence sequence = {
        {k.transpose(0, 1).contiguous(), v.transpose(0, 1).contiguous(), 9}, count, {}};
    for (const Attention& how : kKinds) {
      const at::Tensor expected = heads_by_terms(in_double(q), in_double(k), in_double(v), how);
      EXPECT_LE(tests::relative_error(cached_attention(q, {&sequence, 1}, how), expected), 2e-6);
      EXPECT_LE(tests::relative_error(plain_cached_attention(q, {&sequence, 1}, how), expected),
                2e-6);
    }
  }
}

}  // namespace
}  // namespace matlora::nn
