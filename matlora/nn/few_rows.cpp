// Tiles of kTile rows of w and a few of a: vectors run along the depth K, every element of a tile
// has a vector of partial sums, added up at the end. a [N, K], w [M, K], c [N, M].
#include "matlora/nn/few_rows.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "matlora/nn/rows.h"
#include "matlora/nn/vector_unit.h"

namespace matlora::nn {
namespace {

constexpr int64_t kMostRows = 32;
constexpr int kTile = 4;          // rows of w
constexpr int kMostTileRows = 6;  // rows of a

/// `rows` rows of a and kTile of w; sums: [rows, kTile].
template <class T>
struct Tile {
  int64_t depth;
  const float* a;
  int64_t a_stride;
  const T* w[kTile];
  int64_t ahead;  // numbers from a row of w to the one that is read after it, to be fetched early
  float* sums;
};
template <class T>
using TileKernel = void (*)(const Tile<T>&);

/// What differs from one instruction set to another; [i]: for i + 1 rows of a.
struct Kernels {
  std::vector<TileKernel<float>> float32;
  std::vector<TileKernel<c10::BFloat16>> bfloat16;
};

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MATLORA_INLINE inline __attribute__((always_inline))
#define MATLORA_AVX512 __attribute__((target("avx512f")))
#define MATLORA_AVX2 __attribute__((target("avx2,fma")))

typedef float Float4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float Float8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float Float16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t Half8 __attribute__((vector_size(16), aligned(2), may_alias));
typedef uint16_t Half16 __attribute__((vector_size(32), aligned(2), may_alias));
typedef uint32_t Word8 __attribute__((vector_size(32)));
typedef uint32_t Word16 __attribute__((vector_size(64)));

MATLORA_AVX2 MATLORA_INLINE void load(const float* x, Float8& v) {
  v = *reinterpret_cast<const Float8*>(x);
}
MATLORA_AVX512 MATLORA_INLINE void load(const float* x, Float16& v) {
  v = *reinterpret_cast<const Float16*>(x);
}
MATLORA_AVX2 MATLORA_INLINE void load(const c10::BFloat16* x, Float8& v) {
  v = reinterpret_cast<Float8>(__builtin_convertvector(*reinterpret_cast<const Half8*>(x), Word8)
                               << 16);
}
MATLORA_AVX512 MATLORA_INLINE void load(const c10::BFloat16* x, Float16& v) {
  v = reinterpret_cast<Float16>(__builtin_convertvector(*reinterpret_cast<const Half16*>(x), Word16)
                                << 16);
}

/// Four partial sums of one.
MATLORA_AVX2 MATLORA_INLINE void fold(const Float8& v, Float4& sum) {
  sum = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
}
MATLORA_AVX512 MATLORA_INLINE void fold(const Float16& v, Float4& sum) {
  const Float8 half = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                      __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  sum = __builtin_shufflevector(half, half, 0, 1, 2, 3) +
        __builtin_shufflevector(half, half, 4, 5, 6, 7);
}

/// to[i] = the sum of x[i]'s four
MATLORA_INLINE void add_up(const Float4* x, float* to) {
  const Float4 x01 = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5) +
                     __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
  const Float4 x23 = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5) +
                     __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
  *reinterpret_cast<Float4*>(to) =
      __builtin_shufflevector(x01, x23, 0, 1, 4, 5) + __builtin_shufflevector(x01, x23, 2, 3, 6, 7);
}

// A macro, because a function's instruction set cannot be a template's parameter.
#define MATLORA_TILE_KERNEL(name, instructions, Vector)                                    \
  template <class T, int rows>                                                             \
  instructions void name(const Tile<T>& tile) {                                            \
    constexpr int64_t kLanes = sizeof(Vector) / sizeof(float);                             \
    Vector sums[rows][kTile] = {};                                                         \
    int64_t k = 0;                                                                         \
    for (; k + kLanes <= tile.depth; k += kLanes) {                                        \
      Vector x[rows];                                                                      \
      _Pragma("GCC unroll 8") for (int i = 0; i < rows; ++i) {                             \
        load(tile.a + i * tile.a_stride + k, x[i]);                                        \
      }                                                                                    \
      _Pragma("GCC unroll 8") for (int j = 0; j < kTile; ++j) {                            \
        Vector w;                                                                          \
        load(tile.w[j] + k, w);                                                            \
        __builtin_prefetch(tile.w[j] + k + tile.ahead);                                    \
        _Pragma("GCC unroll 8") for (int i = 0; i < rows; ++i) sums[i][j] += x[i] * w;     \
      }                                                                                    \
    }                                                                                      \
    _Pragma("GCC unroll 8") for (int i = 0; i < rows; ++i) {                               \
      Float4 folded[kTile];                                                                \
      _Pragma("GCC unroll 8") for (int j = 0; j < kTile; ++j) fold(sums[i][j], folded[j]); \
      add_up(folded, tile.sums + i * kTile);                                               \
    }                                                                                      \
    for (; k < tile.depth; ++k) {                                                          \
      for (int i = 0; i < rows; ++i) {                                                     \
        const float x = tile.a[i * tile.a_stride + k];                                     \
        for (int j = 0; j < kTile; ++j) {                                                  \
          tile.sums[i * kTile + j] += x * static_cast<float>(tile.w[j][k]);                \
        }                                                                                  \
      }                                                                                    \
    }                                                                                      \
  }
MATLORA_TILE_KERNEL(tile_avx512, MATLORA_AVX512, Float16)
MATLORA_TILE_KERNEL(tile_avx2, MATLORA_AVX2, Float8)

template <class T>
std::vector<TileKernel<T>> avx512_kernels() {
  return {tile_avx512<T, 1>, tile_avx512<T, 2>, tile_avx512<T, 3>,
          tile_avx512<T, 4>, tile_avx512<T, 5>, tile_avx512<T, 6>};
}
template <class T>
std::vector<TileKernel<T>> avx2_kernels() {
  return {tile_avx2<T, 1>, tile_avx2<T, 2>};
}

Kernels choose_kernels() {
  const VectorUnit unit = vector_unit();
  if (unit == VectorUnit::avx512) {
    return {avx512_kernels<float>(), avx512_kernels<c10::BFloat16>()};
  }
  if (unit == VectorUnit::avx2) {
    return {avx2_kernels<float>(), avx2_kernels<c10::BFloat16>()};
  }
  return {};
}
#else
Kernels choose_kernels() { return {}; }
#endif

const Kernels& kernels() {
  static const Kernels chosen = choose_kernels();
  return chosen;
}

const std::vector<TileKernel<float>>& kernels_for(float) { return kernels().float32; }
const std::vector<TileKernel<c10::BFloat16>>& kernels_for(c10::BFloat16) {
  return kernels().bfloat16;
}

/// One product.
template <class T>
struct Product {
  const float* a;
  const T* w;
  T* c;
  int64_t rows, columns, depth;  // N, M, K
  int64_t a_stride, w_stride, c_stride;
  bool accumulate;

  /// Columns kTile·begin .. kTile·end of c.
  void run(int64_t begin, int64_t end) const {
    const auto& by_row_count = kernels_for(T());
    const auto most = static_cast<int64_t>(by_row_count.size());
    // Groups of nearly the same size.
    const int64_t groups = (rows + most - 1) / most;
    for (int64_t tile = begin; tile < end; ++tile) {
      for (int64_t group = 0; group < groups; ++group) {
        const int64_t first = group * rows / groups, last = (group + 1) * rows / groups;
        run_tile(by_row_count[static_cast<size_t>(last - first - 1)], first, last, tile * kTile);
      }
    }
  }

 private:
  void run_tile(TileKernel<T> kernel, int64_t first, int64_t last, int64_t column) const {
    float sums[kMostTileRows * kTile];
    const int64_t ahead = column + 2 * kTile <= columns ? kTile * w_stride : 0;
    Tile<T> tile = {depth, a + first * a_stride, a_stride, {}, ahead, sums};
    // Beyond w's last row it stands again, for sums that nobody reads.
    for (int64_t j = 0; j < kTile; ++j) {
      tile.w[j] = w + std::min(column + j, columns - 1) * w_stride;
    }
    kernel(tile);
    const int64_t width = std::min<int64_t>(kTile, columns - column);
    for (int64_t i = first; i < last; ++i) {
      for (int64_t j = 0; j < width; ++j) {
        T& out = c[i * c_stride + column + j];
        const float sum = sums[(i - first) * kTile + j];
        out = static_cast<T>(accumulate ? static_cast<float>(out) + sum : sum);
      }
    }
  }
};

/// a's rows as contiguous float32: [N, K].
at::Tensor as_float(const at::Tensor& a) {
  at::Tensor result = at::empty({a.size(0), a.size(1)}, a.options().dtype(at::kFloat));
  for (int64_t i = 0; i < a.size(0); ++i) {
    widen(a.const_data_ptr<c10::BFloat16>() + i * a.stride(0),
          result.mutable_data_ptr<float>() + i * a.size(1), a.size(1));
  }
  return result;
}

/// How many tiles are worth a thread: its start costs about as much as 100,000 products, and a
/// number read from memory as about four of them.
int64_t tiles_per_thread(int64_t rows, int64_t depth) {
  constexpr int64_t kProducts = 1 << 17;
  return std::max<int64_t>(1, kProducts / (kTile * depth * std::max<int64_t>(rows, 4)));
}

}  // namespace

bool is_few_rows(const at::Tensor& a, const at::Tensor& b) {
  return has_kernels(a) && a.scalar_type() == b.scalar_type() && a.size(0) >= 1 &&
         a.size(0) <= kMostRows && b.numel() > 0 && b.stride(0) == 1 && a.stride(1) == 1 &&
         !kernels().float32.empty();
}

void multiply_few_rows(const at::Tensor& a, const at::Tensor& b, at::Tensor& c, bool accumulate) {
  const at::Tensor x = a.scalar_type() == at::kFloat ? a : as_float(a);
  for_dtype(a, [&](auto type) {
    using T = decltype(type);
    const Product<T> product = {x.const_data_ptr<float>(),
                                b.const_data_ptr<T>(),
                                c.mutable_data_ptr<T>(),
                                a.size(0),
                                b.size(1),
                                a.size(1),
                                x.stride(0),
                                b.stride(1),
                                c.stride(0),
                                accumulate};
    const int64_t tiles = (product.columns + kTile - 1) / kTile;
    at::parallel_for(0, tiles, tiles_per_thread(product.rows, product.depth),
                     [&](int64_t begin, int64_t end) { product.run(begin, end); });
  });
}

}  // namespace matlora::nn
