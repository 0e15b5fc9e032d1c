// The kernel against its twin in ATen's operations in float64.
#include "matlora/nn/cached_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "matlora/nn/row_kernels.h"
#include "tests/support/tiny_llama.h"

namespace matlora::nn {
namespace {

using tests::random_tensor;
using tests::relative_error;

struct Length {
  int64_t all, fresh;  // tokens
};

/// Sequences in more room than they need; what lies behind their length must never be read.
std::vector<CachedSequence> sequences_of(const std::vector<Length>& lengths, int64_t kv_heads,
                                         int64_t dim, at::ScalarType dtype) {
  std::vector<CachedSequence> sequences;
  for (const Length& length : lengths) {
    const std::vector<int64_t> shape = {kv_heads, length.all + 3, dim};
    const uint64_t seed = 10 + 2 * sequences.size();
    const CachedTokens own = {random_tensor(shape, seed, dtype),
                              random_tensor(shape, seed + 1, dtype), length.all};
    for (const at::Tensor& x : {own.keys, own.values}) {
      x.narrow(1, length.all, 3).fill_(std::numeric_limits<double>::quiet_NaN());
    }
    sequences.push_back({own, length.fresh, {}});
  }
  return sequences;
}

std::vector<CachedSequence> in_float64(std::vector<CachedSequence> sequences) {
  const auto widen = [](CachedTokens& tokens) {
    tokens.keys = tokens.keys.to(at::kDouble);
    tokens.values = tokens.values.to(at::kDouble);
  };
  for (CachedSequence& sequence : sequences) {
    widen(sequence.own);
    for (CachedTokens& before : sequence.before) widen(before);
  }
  return sequences;
}

/// The second and the third sequence's tokens cut in two and in three.
std::vector<CachedSequence> cut(std::vector<CachedSequence> sequences) {
  const auto part = [](const CachedTokens& all, int64_t begin, int64_t count) {
    const int64_t rest = all.keys.size(1) - begin;
    return CachedTokens{all.keys.narrow(1, begin, rest).contiguous(),
                        all.values.narrow(1, begin, rest).contiguous(), count};
  };
  const CachedTokens second = sequences[1].own, third = sequences[2].own;
  sequences[1] = {part(second, 40, second.length - 40), sequences[1].count, {part(second, 0, 40)}};
  sequences[2] = {part(third, 100, third.length - 100),
                  sequences[2].count,
                  {part(third, 0, 1), part(third, 1, 99)}};
  return sequences;
}

/// Single tokens, prompts, pieces behind a cache, more than one block of keys and of tokens.
const std::vector<Length> kLengths = {{1, 1},   {17, 17}, {64, 1},  {65, 1},
                                      {130, 1}, {70, 35}, {200, 5}, {3, 2}};

const Attention kKinds[] = {{},
                            {.window = 1},
                            {.window = 37},
                            {.soft_cap = 1.5},
                            {.scale = 0.4, .soft_cap = 5, .window = 90}};

TEST(CachedAttention, EqualsThePlainWay) {
  for (const int64_t group : {1, 3}) {
    for (const int64_t dim : {4, 20, 64}) {
      for (const auto& [dtype, tolerance] : {std::pair{at::kFloat, 2e-6}, {at::kBFloat16, 8e-3}}) {
        const auto sequences = sequences_of(kLengths, 2, dim, dtype);
        const at::Tensor q = random_tensor({63, 2 * group, dim}, 1, dtype, 3);
        for (const Attention& how : kKinds) {
          const at::Tensor y = cached_attention(q, sequences, how);
          EXPECT_EQ(y.scalar_type(), dtype);
          const at::Tensor exact =
              plain_cached_attention(q.to(at::kDouble), in_float64(sequences), how);
          EXPECT_EQ(y.sizes(), exact.sizes());
          EXPECT_LT(relative_error(y, exact), tolerance)
              << group << " " << dim << " " << dtype << " " << how.window << " " << how.soft_cap;
        }
      }
    }
  }
}

// One query after the other over the keys that it sees, without a mask.
TEST(CachedAttention, ThePlainWayIsTheFormula) {
  const auto sequences = sequences_of({{9, 4}}, 2, 6, at::kDouble);
  const at::Tensor q = random_tensor({4, 4, 6}, 1, at::kDouble);
  const at::Tensor y = plain_cached_attention(q, sequences).view({4, 4, 6});
  for (int64_t t = 0; t < 4; ++t) {
    for (int64_t head = 0; head < 4; ++head) {
      const at::Tensor k = sequences[0].own.keys[head / 2].narrow(0, 0, 6 + t);
      const at::Tensor v = sequences[0].own.values[head / 2].narrow(0, 0, 6 + t);
      const at::Tensor p = at::softmax(k.mv(q[t][head]) / std::sqrt(6.0), 0);
      EXPECT_LT(relative_error(y[t][head], v.t().mv(p)), 1e-13) << t << " " << head;
    }
  }
}

TEST(CachedAttention, TheSameBitsInAnyCompanyAndForAnyNumberOfThreads) {
  const auto sequences = sequences_of(kLengths, 2, 64, at::kFloat);
  const at::Tensor q = random_tensor({63, 6, 64}, 1);
  const at::Tensor all = cached_attention(q, sequences);
  const int before = at::get_num_threads();
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    EXPECT_TRUE(at::equal(cached_attention(q, sequences), all)) << threads;
  }
  at::set_num_threads(before);
  int64_t start = 0;
  for (const CachedSequence& one : sequences) {
    EXPECT_TRUE(at::equal(cached_attention(q.narrow(0, start, one.count), {&one, 1}),
                          all.narrow(0, start, one.count)));
    start += one.count;
  }
}

TEST(CachedAttention, TokensKeptInPartsAreTheSameSequence) {
  const std::vector<Length> lengths = {{3, 1}, {70, 25}, {150, 1}};
  for (const auto& [dtype, tolerance] : {std::pair{at::kFloat, 2e-6}, {at::kBFloat16, 8e-3}}) {
    const auto whole = sequences_of(lengths, 2, 64, dtype);
    const auto parts = cut(whole);
    const at::Tensor q = random_tensor({27, 6, 64}, 1, dtype, 3);
    for (const Attention& how : kKinds) {
      const at::Tensor exact = plain_cached_attention(q.to(at::kDouble), in_float64(whole), how);
      EXPECT_LT(relative_error(cached_attention(q, parts, how), exact), tolerance) << how.window;
      EXPECT_LT(
          relative_error(plain_cached_attention(q.to(at::kDouble), in_float64(parts), how), exact),
          1e-13);
    }
  }
}

TEST(CachedAttention, ScoresFarApartDoNotOverflow) {
  auto sequences = sequences_of({{130, 1}}, 1, 8, at::kFloat);
  sequences[0].own.keys.mul_(1e3);
  const at::Tensor q = random_tensor({1, 1, 8}, 1);
  EXPECT_LT(relative_error(cached_attention(q, sequences),
                           plain_cached_attention(q.to(at::kDouble), in_float64(sequences))),
            1e-4);
}

TEST(RowKernels, FindLargest) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> z(100, -2.0f);
  z[37] = z[80] = 5;
  const auto found = [&] { return find_largest(z.data(), static_cast<int64_t>(z.size())); };
  EXPECT_EQ(found(), 37);
  z[99] = -infinity;
  EXPECT_EQ(found(), 37);
  z[99] = infinity;
  EXPECT_EQ(found(), -1);
  z[99] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(found(), -1);
  std::fill(z.begin(), z.end(), -infinity);
  EXPECT_EQ(found(), 0);
}

}  // namespace
}  // namespace matlora::nn
