#include "matlora/nn/row_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace matlora::nn {
namespace {

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MATLORA_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MATLORA_CLONES
#endif
#define MATLORA_INLINE inline __attribute__((always_inline))

constexpr int64_t kBlock = 4096;

typedef float Float16 __attribute__((vector_size(64), aligned(4), may_alias));

/// x = n·ln 2 + r with |r| <= ln 2 / 2: n's bits where an exponent has them, r, and (exp(r) - 1)/r
/// as a polynomial.
struct ExpParts {
  uint32_t exponent;
  float r, slope;
};

MATLORA_INLINE ExpParts exp_parts(float x) {
  constexpr float kLog2E = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  constexpr float kRound = 12582912.0f;  // 1.5·2^23: adding it rounds to an integer
  const float shifted = x * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  return {std::bit_cast<uint32_t>(shifted) << 23, r, p};
}

/// exp(x) within 2 units in the last place, for x in -87..88 (clamped to it). NaN stays NaN.
MATLORA_INLINE float fast_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const ExpParts parts = exp_parts(x);
  const float p = parts.slope * parts.r + 1.0f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(p) + parts.exponent);
}

/// Lane i: what lanes i and i ± step of a (where i has no `step` bit) or of b (where it has) add up
/// to.
template <int step, int... i>
MATLORA_INLINE void add_lanes(const Float16& a, const Float16& b, Float16& sum,
                              std::integer_sequence<int, i...>) {
  sum = __builtin_shufflevector(a, b, ((i & step) != 0 ? 16 + i - step : i)...) +
        __builtin_shufflevector(a, b, ((i & step) != 0 ? 16 + i : i + step)...);
}

/// v[0][i] = the sum of v[i]'s lanes, for 16 vectors.
template <int step = 1>
MATLORA_INLINE void add_up(Float16* v) {
  _Pragma("GCC unroll 8") for (int i = 0; i < 16; i += 2 * step) {
    add_lanes<step>(v[i], v[i + step], v[i], std::make_integer_sequence<int, 16>());
  }
  if constexpr (step < 8) add_up<2 * step>(v);
}

/// Lanes with the `step` bit of a and lanes without it of b change places.
template <int step, int... i>
MATLORA_INLINE void swap_lanes(Float16& a, Float16& b, std::integer_sequence<int, i...>) {
  const Float16 first = a;
  a = __builtin_shufflevector(first, b, ((i & step) != 0 ? 16 + i - step : i)...);
  b = __builtin_shufflevector(first, b, ((i & step) != 0 ? 16 + i : i + step)...);
}

/// 16 vectors as the rows of a matrix, transposed.
template <int step = 1>
MATLORA_INLINE void transpose_vectors(Float16* v) {
  _Pragma("GCC unroll 16") for (int i = 0; i < 16; ++i) {
    if ((i & step) == 0) swap_lanes<step>(v[i], v[i + step], std::make_integer_sequence<int, 16>());
  }
  if constexpr (step < 8) transpose_vectors<2 * step>(v);
}

/// exp(x) - 1, near 0 as exact as elsewhere: 2^n·(exp(r) - 1) + (2^n - 1). x in -80..80, clamped to
/// it.
MATLORA_INLINE float fast_expm1(float x) {
  x = x < -80.0f ? -80.0f : x;
  x = x > 80.0f ? 80.0f : x;
  const ExpParts parts = exp_parts(x);
  const float power = std::bit_cast<float>(std::bit_cast<uint32_t>(1.0f) + parts.exponent);
  return power * (parts.slope * parts.r) + (power - 1.0f);
}

/// (exp(2x) - 1) / (exp(2x) + 1)
MATLORA_INLINE float fast_tanh(float x) {
  const float m = fast_expm1(2.0f * x);
  return m / (m + 2.0f);
}

MATLORA_INLINE float sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

/// gelu(g) = g·σ(v), v = 2√(2/π)·(c + 0.044715c³); c is g where σ(v) is neither 0 nor 1.
struct Gelu {
  float sigma, slope;  // σ(v), dv/dg

  MATLORA_INLINE explicit Gelu(float g) {
    constexpr float kTwoRoots = 1.5957691216f, kCubic = 0.044715f;
    float c = g < -10.0f ? -10.0f : g;
    c = c > 10.0f ? 10.0f : c;
    sigma = sigmoid(kTwoRoots * (c + kCubic * c * c * c));
    slope = kTwoRoots * (1.0f + 3.0f * kCubic * c * c);
  }
};

MATLORA_INLINE float from_bits(uint32_t high) { return std::bit_cast<float>(high << 16); }

/// Round to nearest, ties to even; NaN stays NaN.
MATLORA_INLINE uint32_t to_bits(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return x == x ? rounded : 0x7fc0u;
}

}  // namespace

MATLORA_CLONES float inverse_rms(const float* x, int64_t n, float eps) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  return 1.0f / std::sqrt(sum / static_cast<float>(n) + eps);
}

MATLORA_CLONES void scale_by(const float* x, float factor, const float* w, float* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * factor * w[i];
}

MATLORA_CLONES void scale_rounded_by(const float* x, float factor, const float* w, float* y,
                                     int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = from_bits(to_bits(x[i] * factor)) * w[i];
}

MATLORA_CLONES void rms_norm_backward(const float* dy, const float* x, const float* w, float r,
                                      float* dx, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += w[i] * dy[i] * x[i];
  const float along = sum * r * r / static_cast<float>(n);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] = r * (w[i] * dy[i] - x[i] * along);
}

MATLORA_CLONES void swiglu_row(const float* gate, const float* up, float* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = gate[i] * sigmoid(gate[i]) * up[i];
}

MATLORA_CLONES void swiglu_backward_row(const float* dy, const float* gate, const float* up,
                                        float* dgate, float* dup, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float g = gate[i], s = sigmoid(g);
    dgate[i] = dy[i] * up[i] * s * (1.0f + g * (1.0f - s));
    dup[i] = dy[i] * g * s;
  }
}

MATLORA_CLONES void geglu_row(const float* gate, const float* up, float* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = gate[i] * Gelu(gate[i]).sigma * up[i];
}

MATLORA_CLONES void geglu_backward_row(const float* dy, const float* gate, const float* up,
                                       float* dgate, float* dup, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float g = gate[i];
    const Gelu f(g);
    dgate[i] = dy[i] * up[i] * f.sigma * (1.0f + g * (1.0f - f.sigma) * f.slope);
    dup[i] = dy[i] * g * f.sigma;
  }
}

MATLORA_CLONES void rotate_row(const float* x1, const float* x2, const float* c, const float* s,
                               float* y1, float* y2, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    y1[i] = x1[i] * c[i] - x2[i] * s[i];
    y2[i] = x2[i] * c[i] + x1[i] * s[i];
  }
}

MATLORA_CLONES RowScore score_row(float* z, int64_t n, int64_t label, float& sum) {
  float largest = z[0];
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; ++i) largest = z[i] > largest ? z[i] : largest;
  const float own = z[label];
  const bool correct = own == largest && std::find(z, z + label, largest) == z + label;
  double total = 0;  // over blocks, each of which float32 adds up well enough
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    float part = 0;
    const int64_t end = std::min(begin + kBlock, n);
#pragma omp simd reduction(+ : part)
    for (int64_t i = begin; i < end; ++i) {
      z[i] = fast_exp(z[i] - largest);
      part += z[i];
    }
    total += part;
  }
  sum = static_cast<float>(total);
  return {static_cast<float>(std::log(total)) + (largest - own), correct};
}

MATLORA_CLONES void exp_row(float* z, int64_t n, float factor, float shift) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) z[i] = fast_exp(z[i] * factor - shift);
}

MATLORA_CLONES void soft_cap_row(float* z, int64_t n, float factor, float cap) {
  const float inner = factor / cap;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) z[i] = cap * fast_tanh(z[i] * inner);
}

MATLORA_CLONES void capped_softmax_backward_row(float* z, const float* dp, float along,
                                                float factor, float cap, float shift, float* ds,
                                                int64_t n) {
  const float inner = factor / cap;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    // With m = exp(2|x|) - 1: tanh|x| = m/(m + 2) and 1 - tanh² = 4(m + 1)/(m + 2)², which keeps
    // its digits where tanh is near 1.
    const float x = z[i] * inner;
    const float m = fast_expm1(2.0f * std::fabs(x)), r = 1.0f / (m + 2.0f);
    const float p = fast_exp(std::copysign(cap * m * r, x) - shift);
    z[i] = p;
    ds[i] = p * (dp[i] - along) * (4.0f * ((m + 1.0f) * r) * r * factor);
  }
}

MATLORA_CLONES void softmax_backward_row(const float* p, const float* dp, float along, float factor,
                                         float* ds, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) ds[i] = p[i] * (dp[i] - along) * factor;
}

MATLORA_CLONES void dot_rows(const float* x, const float* rows, int64_t count, int64_t n,
                             float* out) {
  constexpr int64_t kLanes = 16;
  int64_t t = 0;
  for (; n % kLanes == 0 && t < count && count >= kLanes; t += kLanes) {  // as many as lanes
    t = std::min(t, count - kLanes);  // the last ones some of them once more
    Float16 sums[kLanes] = {};
    for (int64_t i = 0; i < n; i += kLanes) {
      const Float16 own = *reinterpret_cast<const Float16*>(x + i);
      _Pragma("GCC unroll 16") for (int64_t k = 0; k < kLanes; ++k) {
        sums[k] += own * *reinterpret_cast<const Float16*>(rows + (t + k) * n + i);
      }
    }
    add_up(sums);
    *reinterpret_cast<Float16*>(out + t) = sums[0];
  }
  for (; t < count; ++t) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; ++i) sum += x[i] * rows[t * n + i];
    out[t] = sum;
  }
}

MATLORA_CLONES void add_rows(const float* w, const float* rows, int64_t count, int64_t n,
                             float* y) {
  constexpr int64_t kLanes = 16, kVectors = 4;
  int64_t i = 0;
  for (; i + kLanes * kVectors <= n; i += kLanes * kVectors) {  // sums that stay in registers
    Float16* to = reinterpret_cast<Float16*>(y + i);
    Float16 s0 = to[0], s1 = to[1], s2 = to[2], s3 = to[3];
    for (int64_t t = 0; t < count; ++t) {
      const Float16* row = reinterpret_cast<const Float16*>(rows + t * n + i);
      s0 += row[0] * w[t];
      s1 += row[1] * w[t];
      s2 += row[2] * w[t];
      s3 += row[3] * w[t];
    }
    to[0] = s0;
    to[1] = s1;
    to[2] = s2;
    to[3] = s3;
  }
  for (int64_t t = 0; i < n && t < count; ++t) {
#pragma omp simd
    for (int64_t k = i; k < n; ++k) y[k] += w[t] * rows[t * n + k];
  }
}

MATLORA_CLONES void transpose_16(const float* from, int64_t from_stride, float* to,
                                 int64_t to_stride) {
  Float16 v[16];
  _Pragma("GCC unroll 16") for (int i = 0; i < 16; ++i) {
    v[i] = *reinterpret_cast<const Float16*>(from + i * from_stride);
  }
  transpose_vectors(v);
  _Pragma("GCC unroll 16") for (int i = 0; i < 16; ++i) {
    *reinterpret_cast<Float16*>(to + i * to_stride) = v[i];
  }
}

MATLORA_CLONES float exponentials(float* z, int64_t n, float factor, float& largest) {
  float most = z[0];
#pragma omp simd reduction(max : most)
  for (int64_t i = 0; i < n; ++i) most = z[i] > most ? z[i] : most;
  const float shift = std::max(largest, most * factor);
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    z[i] = fast_exp(z[i] * factor - shift);
    sum += z[i];
  }
  largest = shift;
  return sum;
}

MATLORA_CLONES int64_t find_largest(const float* z, int64_t n) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float most = -kInfinity;
  int32_t bad = 0;
#pragma omp simd reduction(max : most) reduction(| : bad)
  for (int64_t i = 0; i < n; ++i) {
    most = z[i] > most ? z[i] : most;
    bad |= z[i] < kInfinity ? 0 : 1;
  }
  return bad != 0 ? -1 : std::find(z, z + n, most) - z;
}

MATLORA_CLONES void scale(float* z, float factor, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) z[i] *= factor;
}

MATLORA_CLONES void widen(const c10::BFloat16* x, float* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = from_bits(x[i].x);
}

MATLORA_CLONES void narrow(const float* x, c10::BFloat16* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i].x = static_cast<uint16_t>(to_bits(x[i]));
}

}  // namespace matlora::nn
