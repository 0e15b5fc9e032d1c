// A row of a takes in the numbers of w as fast as memory brings them, so what counts is that w is
// read once and in order. Up to three rows: for each row of w a dot product with each row of a.
// More: eight rows of w at a time go through a panel that holds aᵀ, and lines of the next eight are
// asked for meanwhile. a [N, K], w [M, K], c [N, M].
#include "matlora/nn/few_rows.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "matlora/nn/gemm.h"
#include "matlora/nn/rows.h"
#include "matlora/nn/tasks.h"
#include "matlora/nn/vector_unit.h"

namespace matlora::nn {
namespace {

constexpr int64_t kMostRows = 32, kLine = 16;  // numbers of a cache line
constexpr int kMostDots = 3, kTileColumns = 8, kMostWidth = 32;

/// One row of w with a few rows of a -> sums[0 .. rows of a).
template <class T>
struct Dots {
  int64_t depth;
  const float* a;
  int64_t a_stride;
  const T* w;
  float* sums;
};

/// A few rows of w, aᵀ as a panel [depth, width] -> sums [rows of w, width].
struct Tile {
  int64_t depth;
  const float* w;
  int64_t w_stride;
  const float* panel;
  float* sums;
};
using TileKernels = std::vector<void (*)(const Tile&)>;  // [i]: for i + 1 rows of w

/// Kernels for panels of one width.
struct PanelKernels {
  int64_t width;
  TileKernels by_columns;
};

/// What differs from one instruction set to another.
struct Kernels {
  std::vector<void (*)(const Dots<float>&)> float32;  // [i]: for i + 1 rows of a
  std::vector<void (*)(const Dots<c10::BFloat16>&)> bfloat16;
  std::vector<PanelKernels> panels;  // by ascending width
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

MATLORA_INLINE float total(const Float4& v) { return (v[0] + v[2]) + (v[1] + v[3]); }
MATLORA_AVX2 MATLORA_INLINE float total(const Float8& v) {
  return total(__builtin_shufflevector(v, v, 0, 1, 2, 3) +
               __builtin_shufflevector(v, v, 4, 5, 6, 7));
}
MATLORA_AVX512 MATLORA_INLINE float total(const Float16& v) {
  const Float8 half = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                      __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  return total(__builtin_shufflevector(half, half, 0, 1, 2, 3) +
               __builtin_shufflevector(half, half, 4, 5, 6, 7));
}

// Macros, because a function's instruction set cannot be a template's parameter.
#define MATLORA_DOTS(name, instructions, Vector)                                           \
  template <class T, int rows>                                                             \
  instructions void name(const Dots<T>& dots) {                                            \
    constexpr int64_t kLanes = sizeof(Vector) / sizeof(float);                             \
    Vector sums[rows] = {};                                                                \
    int64_t k = 0;                                                                         \
    for (; k + kLanes <= dots.depth; k += kLanes) {                                        \
      Vector w;                                                                            \
      load(dots.w + k, w);                                                                 \
      _Pragma("GCC unroll 4") for (int i = 0; i < rows; ++i) {                             \
        Vector x;                                                                          \
        load(dots.a + i * dots.a_stride + k, x);                                           \
        sums[i] += x * w;                                                                  \
      }                                                                                    \
    }                                                                                      \
    _Pragma("GCC unroll 4") for (int i = 0; i < rows; ++i) dots.sums[i] = total(sums[i]);  \
    for (; k < dots.depth; ++k) {                                                          \
      const auto w = static_cast<float>(dots.w[k]);                                        \
      for (int i = 0; i < rows; ++i) dots.sums[i] += dots.a[i * dots.a_stride + k] * w;    \
    }                                                                                      \
  }                                                                                        \
  template <class T, int... i>                                                             \
  std::vector<void (*)(const Dots<T>&)> name##_kernels(std::integer_sequence<int, i...>) { \
    return {name<T, i + 1>...};                                                            \
  }
MATLORA_DOTS(dots_avx512, MATLORA_AVX512, Float16)
MATLORA_DOTS(dots_avx2, MATLORA_AVX2, Float8)

#define MATLORA_PANEL(name, instructions, Vector)                                                 \
  template <int columns, int vectors>                                                             \
  instructions void name(const Tile& tile) {                                                      \
    constexpr int kLanes = sizeof(Vector) / sizeof(float);                                        \
    Vector sums[columns][vectors] = {};                                                           \
    const float *w = tile.w, *panel = tile.panel;                                                 \
    for (int64_t line = 0; line < tile.depth; line += kLine) {                                    \
      _Pragma("GCC unroll 8") for (int i = 0; i < columns; ++i) {                                 \
        __builtin_prefetch(w + (columns + i) * tile.w_stride, 0, 2);                              \
      }                                                                                           \
      const float* const end = w + std::min(kLine, tile.depth - line);                            \
      _Pragma("GCC unroll 4") for (; w < end; ++w) {                                              \
        Vector a[vectors];                                                                        \
        _Pragma("GCC unroll 2") for (int j = 0; j < vectors; ++j) load(panel + j * kLanes, a[j]); \
        _Pragma("GCC unroll 8") for (int i = 0; i < columns; ++i) {                               \
          const float x = w[i * tile.w_stride];                                                   \
          _Pragma("GCC unroll 2") for (int j = 0; j < vectors; ++j) sums[i][j] += a[j] * x;       \
        }                                                                                         \
        panel += vectors * kLanes;                                                                \
      }                                                                                           \
    }                                                                                             \
    _Pragma("GCC unroll 8") for (int i = 0; i < columns; ++i) {                                   \
      _Pragma("GCC unroll 2") for (int j = 0; j < vectors; ++j) {                                 \
        *reinterpret_cast<Vector*>(tile.sums + (i * vectors + j) * kLanes) = sums[i][j];          \
      }                                                                                           \
    }                                                                                             \
  }                                                                                               \
  template <int vectors, int... i>                                                                \
  PanelKernels name##_kernels(std::integer_sequence<int, i...>) {                                 \
    return {vectors * static_cast<int64_t>(sizeof(Vector) / sizeof(float)),                       \
            {name<i + 1, vectors>...}};                                                           \
  }
MATLORA_PANEL(panel_avx512, MATLORA_AVX512, Float16)
MATLORA_PANEL(panel_avx2, MATLORA_AVX2, Float8)

constexpr std::make_integer_sequence<int, kMostDots> kRowCounts;
constexpr std::make_integer_sequence<int, kTileColumns> kColumnCounts;

Kernels choose_kernels() {
  const VectorUnit unit = vector_unit();
  if (unit == VectorUnit::avx512) {
    return {dots_avx512_kernels<float>(kRowCounts),
            dots_avx512_kernels<c10::BFloat16>(kRowCounts),
            {panel_avx2_kernels<1>(kColumnCounts), panel_avx512_kernels<1>(kColumnCounts),
             panel_avx512_kernels<2>(kColumnCounts)}};
  }
  if (unit == VectorUnit::avx2) {
    return {dots_avx2_kernels<float>(kRowCounts),
            dots_avx2_kernels<c10::BFloat16>(kRowCounts),
            {panel_avx2_kernels<1>(kColumnCounts)}};
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

const auto& dots_for(float) { return kernels().float32; }
const auto& dots_for(c10::BFloat16) { return kernels().bfloat16; }

/// The narrowest panel that holds so many rows of a.
const PanelKernels& panel_for(int64_t rows) {
  for (const PanelKernels& panel : kernels().panels) {
    if (panel.width >= rows) return panel;
  }
  return kernels().panels.back();
}

/// A matrix of contiguous rows.
template <class T>
struct Rows {
  T* data;
  int64_t rows, columns, stride;

  T* row(int64_t i) const { return data + i * stride; }
};
template <class T>
Rows<const T> in(const at::Tensor& x) {
  return {x.const_data_ptr<T>(), x.size(0), x.size(1), x.stride(0)};
}
template <class T>
Rows<T> out(const at::Tensor& x) {
  return {x.mutable_data_ptr<T>(), x.size(0), x.size(1), x.stride(0)};
}

template <class T>
void put(T& to, float value, bool accumulate) {
  to = static_cast<T>(accumulate ? static_cast<float>(to) + value : value);
}

/// The same for `count` numbers.
void put_row(const float* from, int64_t count, float* to, bool accumulate) {
  if (!accumulate) std::copy_n(from, count, to);
  for (int64_t i = 0; accumulate && i < count; ++i) to[i] += from[i];
}
void put_row(const float* from, int64_t count, c10::BFloat16* to, bool accumulate) {
  if (!accumulate) narrow(from, to, count);
  for (int64_t i = 0; accumulate && i < count; ++i) put(to[i], from[i], accumulate);
}

/// Columns begin .. end of c by dot products.
template <class T>
void multiply_by_dots(const Rows<const float>& a, const Rows<const T>& w, const Rows<T>& c,
                      bool accumulate, int64_t begin, int64_t end) {
  const auto kernel = dots_for(T())[static_cast<size_t>(a.rows - 1)];
  float sums[kMostDots];
  for (int64_t j = begin; j < end; ++j) {
    kernel({a.columns, a.data, a.stride, w.row(j), sums});
    for (int64_t i = 0; i < a.rows; ++i) put(c.row(i)[j], sums[i], accumulate);
  }
}

/// aᵀ for the kernels: pieces of at most the widest panel's rows.
class Panels {
 public:
  explicit Panels(const Rows<const float>& a) : depth_(a.columns) {
    const int64_t most = kernels().panels.back().width;
    for (int64_t first = 0; first < a.rows; first += most) {
      const int64_t rows = std::min(most, a.rows - first);
      const PanelKernels& panel = panel_for(rows);
      const at::Tensor numbers = at::empty({depth_, panel.width}, at::kFloat);
      if (rows < panel.width) numbers.narrow(1, rows, panel.width - rows).zero_();
      transpose({a.row(first), rows, depth_, a.stride, 1}, numbers.mutable_data_ptr<float>(),
                panel.width);
      pieces_.push_back({first, rows, &panel, numbers});
    }
  }

  /// Columns begin .. end of c.
  template <class T>
  void multiply(const Rows<const T>& w, const Rows<T>& c, bool accumulate, int64_t begin,
                int64_t end) const {
    std::vector<float> copy;
    for (int64_t j = begin; j < end; j += kLine) {
      const Rows<const float> rows = as_float(w, j, std::min(kLine, end - j), copy);
      for (const Piece& piece : pieces_) run(piece, rows, c, j, accumulate);
    }
  }

 private:
  struct Piece {
    int64_t first, rows;  // of a
    const PanelKernels* kernels;
    at::Tensor numbers;  // [depth, width]
  };

  /// Rows [first, first + count) of w: where they are, or in `copy`.
  static Rows<const float> as_float(const Rows<const float>& w, int64_t first, int64_t count,
                                    std::vector<float>&) {
    return {w.row(first), count, w.columns, w.stride};
  }
  static Rows<const float> as_float(const Rows<const c10::BFloat16>& w, int64_t first,
                                    int64_t count, std::vector<float>& copy) {
    copy.resize(static_cast<size_t>(count * w.columns));
    for (int64_t i = 0; i < count; ++i) {
      widen(w.row(first + i), copy.data() + i * w.columns, w.columns);
    }
    return {copy.data(), count, w.columns, w.columns};
  }

  /// Columns [column, column + w.rows) of the piece's rows of c: whole cache lines where they can
  /// be, since the rows of c may be placed such that only a few of their lines fit the first cache.
  template <class T>
  static void run(const Piece& piece, const Rows<const float>& w, const Rows<T>& c, int64_t column,
                  bool accumulate) {
    for (int64_t i = 0; i < piece.rows; ++i) {  // another thread may have them in its cache
      __builtin_prefetch(c.row(piece.first + i) + column, 1, 3);
    }
    float sums[kLine * kMostWidth] = {};
    const int64_t width = piece.kernels->width;
    for (int64_t j = 0; j < w.rows; j += kTileColumns) {
      const int64_t columns = std::min<int64_t>(kTileColumns, w.rows - j);
      piece.kernels->by_columns[static_cast<size_t>(columns - 1)](
          {w.columns, w.row(j), w.stride, piece.numbers.const_data_ptr<float>(), sums + j * width});
    }
    float block[kLine * kLine];
    for (int64_t i = 0; i < piece.rows; ++i) {
      if (i % kLine == 0) transpose_16(sums + i, width, block, kLine);
      put_row(block + i % kLine * kLine, w.rows, c.row(piece.first + i) + column, accumulate);
    }
  }

  int64_t depth_;
  std::vector<Piece> pieces_;
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

/// Some columns of one of the products.
struct Strip {
  size_t product;
  int64_t begin, end;
};

/// The products' columns in pieces: large ones first, so that a thread reads much of w in order,
/// then ever smaller ones, so that all threads end together. At least a thread's while: about
/// 100,000 products, a number read from memory costing as much as four of them.
std::vector<Strip> strips_of(std::span<const at::Tensor> weights, int64_t rows) {
  constexpr int64_t kProducts = 1 << 17;
  const int64_t products = kLine * weights[0].size(1) * std::max<int64_t>(rows, 4);
  const int64_t least = kLine * (1 + kProducts / products);
  const int64_t pieces = 4 * at::get_num_threads();
  int64_t left = 0;
  for (const at::Tensor& w : weights) left += w.size(0);
  std::vector<Strip> strips;
  for (size_t i = 0; i < weights.size(); ++i) {
    for (int64_t begin = 0; begin < weights[i].size(0);) {
      const int64_t width = std::max(least, left / pieces / kLine * kLine);
      const int64_t end = std::min(begin + width, weights[i].size(0));
      strips.push_back({i, begin, end});
      left -= end - begin;
      begin = end;
    }
  }
  return strips;
}

}  // namespace

bool is_few_rows(const at::Tensor& a, const at::Tensor& b) {
  return has_kernels(a) && a.scalar_type() == b.scalar_type() && a.size(0) >= 1 &&
         a.size(0) <= kMostRows && b.numel() > 0 && b.stride(0) == 1 && a.stride(1) == 1 &&
         !kernels().panels.empty();
}

void multiply_few_rows(const at::Tensor& a, std::span<const at::Tensor> weights,
                       std::span<at::Tensor> outputs, bool accumulate) {
  const at::Tensor x = a.scalar_type() == at::kFloat ? a : as_float(a);
  const Rows<const float> rows = in<float>(x);
  const Panels panels(rows.rows > kMostDots ? rows : Rows<const float>{});
  const std::vector<Strip> strips = strips_of(weights, rows.rows);
  for_dtype(a, [&](auto type) {
    using T = decltype(type);
    for_tasks(static_cast<int64_t>(strips.size()), [&](int64_t task) {
      const auto [i, begin, end] = strips[static_cast<size_t>(task)];
      const Rows<const T> w = in<T>(weights[i]);
      const Rows<T> c = out<T>(outputs[i]);
      if (rows.rows <= kMostDots) return multiply_by_dots(rows, w, c, accumulate, begin, end);
      panels.multiply(w, c, accumulate, begin, end);
    });
  });
}

}  // namespace matlora::nn
