// c is cut into panels of as many columns as two vectors hold. For a panel, kDepth rows of b at a
// time are copied together, so that they stay in the second-level cache, and tiles of kTileRows
// rows of c are summed up in registers: per step of depth two loads from the panel and kTileRows
// broadcasts from a. (Goto and van de Geijn 2008, doi 10.1145/1356052.1356053, without a copy of
// a.)
#include "matlora/nn/gemm.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

namespace matlora::nn {
namespace {

constexpr int64_t kDepth = 768;

/// A tile's inputs: `depth` steps through a (from a row to the next row_stride, per step of depth
/// step_stride) and the panel; and where it goes.
struct Tile {
  int64_t depth;
  const float* a;
  int64_t row_stride, step_stride;
  const float* panel;  // [depth, width]
  float* c;
  int64_t c_stride;
  bool accumulate;
};
using TileKernel = void (*)(const Tile&);

/// What differs from one instruction set to another.
struct Kernels {
  int64_t width = 0;                     // columns of a panel: two vectors
  std::vector<TileKernel> by_row_count;  // [i]: for i + 1 rows
};

#if defined(__x86_64__) && defined(__GNUC__)
#define MATLORA_HAS_GEMM 1

typedef float Float8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float Float16 __attribute__((vector_size(64), aligned(4), may_alias));

// A macro, because a function's instruction set cannot be a template's parameter.
#define MATLORA_TILE_KERNEL(name, instructions, Vector)                            \
  template <int rows>                                                              \
  __attribute__((target(instructions))) void name(const Tile& tile) {              \
    constexpr int kLanes = sizeof(Vector) / sizeof(float);                         \
    Vector left[rows] = {}, right[rows] = {};                                      \
    const float *a = tile.a, *panel = tile.panel;                                  \
    for (int64_t k = 0; k < tile.depth; ++k) {                                     \
      const Vector b0 = *reinterpret_cast<const Vector*>(panel);                   \
      const Vector b1 = *reinterpret_cast<const Vector*>(panel + kLanes);          \
      _Pragma("GCC unroll 8") for (int i = 0; i < rows; ++i) {                     \
        const float x = a[i * tile.row_stride];                                    \
        left[i] += b0 * x;                                                         \
        right[i] += b1 * x;                                                        \
      }                                                                            \
      a += tile.step_stride;                                                       \
      panel += 2 * kLanes;                                                         \
    }                                                                              \
    _Pragma("GCC unroll 8") for (int i = 0; i < rows; ++i) {                       \
      Vector* c0 = reinterpret_cast<Vector*>(tile.c + i * tile.c_stride);          \
      Vector* c1 = reinterpret_cast<Vector*>(tile.c + i * tile.c_stride + kLanes); \
      *c0 = tile.accumulate ? *c0 + left[i] : left[i];                             \
      *c1 = tile.accumulate ? *c1 + right[i] : right[i];                           \
    }                                                                              \
  }
MATLORA_TILE_KERNEL(tile_avx512, "avx512f", Float16)
MATLORA_TILE_KERNEL(tile_avx2, "avx2,fma", Float8)

/// MATLORA_CPU=avx2 or =plain stays below what the processor can: for tests and for comparisons.
Kernels choose_kernels() {
  const char* wish = std::getenv("MATLORA_CPU");
  const std::string_view limit = wish != nullptr ? wish : "";
  if (limit == "plain") return {};
  if (__builtin_cpu_supports("avx512f") && limit != "avx2") {
    return {32,
            {tile_avx512<1>, tile_avx512<2>, tile_avx512<3>, tile_avx512<4>, tile_avx512<5>,
             tile_avx512<6>, tile_avx512<7>, tile_avx512<8>}};
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return {16,
            {tile_avx2<1>, tile_avx2<2>, tile_avx2<3>, tile_avx2<4>, tile_avx2<5>, tile_avx2<6>}};
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

/// A 4 x 4 block, rows at from + i·row_stride, transposed: rows at to + i·width.
void transpose_block(const float* from, int64_t row_stride, float* to, int64_t width) {
  typedef float Float4 __attribute__((vector_size(16), aligned(4), may_alias));
  typedef int32_t Pick __attribute__((vector_size(16)));
  const auto row = [&](int64_t i) -> Float4 {
    return *reinterpret_cast<const Float4*>(from + i * row_stride);
  };
  const Float4 r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
  const Float4 low01 = __builtin_shuffle(r0, r1, Pick{0, 4, 1, 5});
  const Float4 low23 = __builtin_shuffle(r2, r3, Pick{0, 4, 1, 5});
  const Float4 high01 = __builtin_shuffle(r0, r1, Pick{2, 6, 3, 7});
  const Float4 high23 = __builtin_shuffle(r2, r3, Pick{2, 6, 3, 7});
  const auto put = [&](int64_t i, const Float4& value) {
    *reinterpret_cast<Float4*>(to + i * width) = value;
  };
  put(0, __builtin_shuffle(low01, low23, Pick{0, 1, 4, 5}));
  put(1, __builtin_shuffle(low01, low23, Pick{2, 3, 6, 7}));
  put(2, __builtin_shuffle(high01, high23, Pick{0, 1, 4, 5}));
  put(3, __builtin_shuffle(high01, high23, Pick{2, 3, 6, 7}));
}

/// `columns` columns of contiguous numbers at `from`, each `stride` after the one before, become
/// those of `panel`.
void pack_transposed(const float* from, int64_t stride, int64_t depth, int64_t columns,
                     int64_t width, float* panel) {
  constexpr int64_t kPiece = 64;  // steps of depth whose lines of the panel stay in the first cache
  for (int64_t k0 = 0; k0 < depth; k0 += kPiece) {
    const int64_t k1 = std::min(k0 + kPiece, depth);
    for (int64_t j = 0; j < columns; j += 4) {
      const float* column = from + j * stride;
      int64_t k = k0;
      if (j + 4 <= columns) {
        for (; k + 4 <= k1; k += 4) {
          transpose_block(column + k, stride, panel + k * width + j, width);
        }
      }
      for (; k < k1; ++k) {
        for (int64_t i = j; i < std::min(j + 4, columns); ++i) {
          panel[k * width + i] = from[i * stride + k];
        }
      }
    }
  }
}

/// Rows [first, first + depth) of b's columns [column, column + columns) -> [depth, width], zeros
/// on the right.
void pack(const MatrixView& b, int64_t first, int64_t depth, int64_t column, int64_t columns,
          int64_t width, float* panel) {
  const float* from = b.data + first * b.row_stride + column * b.column_stride;
  if (columns < width) std::fill(panel, panel + depth * width, 0.0f);
  if (b.row_stride == 1) {
    pack_transposed(from, b.column_stride, depth, columns, width, panel);
  } else if (b.column_stride == 1 && columns == 32) {
    for (int64_t k = 0; k < depth; ++k) std::copy_n(from + k * b.row_stride, 32, panel + k * width);
  } else {
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t j = 0; j < columns; ++j) {
        panel[k * width + j] = from[k * b.row_stride + j * b.column_stride];
      }
    }
  }
}

/// Rows [begin, end) of one panel of c, one step of depth.
struct Strip {
  const MatrixView& a;
  int64_t begin, end, first, depth;  // rows of c; rows of b
  float* c;                          // at the panel's first column
  int64_t stride, columns;
  bool accumulate;

  void run(const float* panel, float* edge) const {
    const auto tile_rows = static_cast<int64_t>(kernels().by_row_count.size());
    for (int64_t i = begin; i < end; i += tile_rows) {
      const int64_t rows = std::min(tile_rows, end - i);
      Tile tile = {depth,        a.data + i * a.row_stride + first * a.column_stride,
                   a.row_stride, a.column_stride,
                   panel,        c + i * stride,
                   stride,       accumulate};
      if (columns == kernels().width) {
        run_tile(tile, rows);
      } else {
        run_edge(tile, rows, edge);
      }
    }
  }

 private:
  static void run_tile(const Tile& tile, int64_t rows) {
    kernels().by_row_count[static_cast<size_t>(rows - 1)](tile);
  }

  /// A panel that sticks out of c is summed up beside it.
  void run_edge(Tile tile, int64_t rows, float* edge) const {
    float* const target = tile.c;
    tile.c = edge;
    tile.c_stride = kernels().width;
    tile.accumulate = false;
    run_tile(tile, rows);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < columns; ++j) {
        float& out = target[r * stride + j];
        out = edge[r * tile.c_stride + j] + (accumulate ? out : 0.0f);
      }
    }
  }
};

}  // namespace

bool has_gemm() { return kernels().width > 0; }

void gemm(const MatrixView& a, const MatrixView& b, float* c, int64_t stride, bool accumulate) {
  const int64_t width = kernels().width, panels = (b.columns + width - 1) / width;
  // Few panels are cut across, so that every thread has its part.
  const int64_t threads = at::get_num_threads();
  const int64_t cuts = panels % threads == 0 || panels >= 8 * threads ? 1 : threads;
  const int64_t rows = (a.rows + cuts - 1) / cuts;
  for (int64_t first = 0; first < b.rows; first += kDepth) {
    const int64_t depth = std::min(kDepth, b.rows - first);
    at::parallel_for(0, panels * cuts, 1, [&](int64_t begin, int64_t end) {
      thread_local std::vector<float> memory(static_cast<size_t>(kDepth * width));
      thread_local std::vector<float> edge(static_cast<size_t>(8 * width));
      for (int64_t task = begin; task < end; ++task) {
        const int64_t column = task / cuts * width, cut = task % cuts;
        const int64_t columns = std::min(width, b.columns - column);
        pack(b, first, depth, column, columns, width, memory.data());
        Strip{a,      cut * rows, std::min((cut + 1) * rows, a.rows),
              first,  depth,      c + column,
              stride, columns,    accumulate || first > 0}
            .run(memory.data(), edge.data());
      }
    });
  }
}

}  // namespace matlora::nn
