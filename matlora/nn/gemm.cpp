// c is cut into panels of as many columns as two vectors hold. For a panel, kDepth rows of b at a
// time are copied together, so that they stay in the second-level cache, and tiles of a few rows of
// c are summed up in registers: per step of depth two loads from the panel and a broadcast from
// each row of a. (Goto and van de Geijn 2008, doi 10.1145/1356052.1356053, without a copy of a.)
#include "matlora/nn/gemm.h"

#include <algorithm>
#include <vector>

#include "matlora/nn/tasks.h"
#include "matlora/nn/tiles.h"

namespace matlora::nn {
namespace {

constexpr int64_t kDepth = 768, kMaxTileRows = 8;

/// A 4 x 4 block, rows at from + i·row_stride, transposed: rows at to + i·width.
void transpose_block(const float* from, int64_t row_stride, float* to, int64_t width) {
  typedef float Float4 __attribute__((vector_size(16), aligned(4), may_alias));
  const auto row = [&](int64_t i) -> Float4 {
    return *reinterpret_cast<const Float4*>(from + i * row_stride);
  };
  const Float4 r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
  const Float4 low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
  const Float4 low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
  const Float4 high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
  const Float4 high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
  const auto put = [&](int64_t i, const Float4& value) {
    *reinterpret_cast<Float4*>(to + i * width) = value;
  };
  put(0, __builtin_shufflevector(low01, low23, 0, 1, 4, 5));
  put(1, __builtin_shufflevector(low01, low23, 2, 3, 6, 7));
  put(2, __builtin_shufflevector(high01, high23, 0, 1, 4, 5));
  put(3, __builtin_shufflevector(high01, high23, 2, 3, 6, 7));
}

/// Rows [first, first + depth) of b's columns [column, column + columns) -> [depth, width], zeros
/// on the right.
void pack(const MatrixView& b, int64_t first, int64_t depth, int64_t column, int64_t columns,
          float* panel) {
  const int64_t width = tile_kernels().width;
  const float* from = b.data + first * b.row_stride + column * b.column_stride;
  if (columns < width) std::fill(panel, panel + depth * width, 0.0f);
  if (b.row_stride == 1) {
    transpose({from, columns, depth, b.column_stride, 1}, panel, width);
    return;
  }
  for (int64_t k = 0; k < depth; ++k) {
    const float* row = from + k * b.row_stride;
    float* to = panel + k * width;
    if (b.column_stride == 1) {
      std::copy_n(row, columns, to);
    } else {
      for (int64_t j = 0; j < columns; ++j) to[j] = row[j * b.column_stride];
    }
  }
}

/// Memory for a thread's tile, next to c.
float* tile_memory() {
  thread_local std::vector<float> memory(static_cast<size_t>(kMaxTileRows * tile_kernels().width));
  return memory.data();
}

/// a times a panel into `columns` columns of c.
struct PanelProduct {
  MatrixView a;
  const float* panel;
  int64_t panel_stride;
  float* c;
  int64_t stride, columns;
  bool accumulate;

  void run() const {
    for (int64_t i = 0; i < a.rows; i += tile_kernels().max_rows()) {
      const int64_t rows = std::min(tile_kernels().max_rows(), a.rows - i);
      const Tile tile = {a.columns,      a.data + i * a.row_stride,
                         a.row_stride,   a.column_stride,
                         panel,          panel_stride,
                         c + i * stride, stride,
                         accumulate};
      if (columns == tile_kernels().width_for(columns)) {
        tile_kernels().run(tile, rows, columns);
      } else {
        run_edge(tile, rows);
      }
    }
  }

 private:
  /// A panel that sticks out of c is summed up apart.
  void run_edge(Tile tile, int64_t rows) const {
    float* const target = tile.c;
    tile.c = tile_memory();
    tile.c_stride = tile_kernels().width;
    tile.accumulate = false;
    tile_kernels().run(tile, rows, columns);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < columns; ++j) {
        float& out = target[r * stride + j];
        out = tile.c[r * tile.c_stride + j] + (accumulate ? out : 0.0f);
      }
    }
  }
};

/// Rows [first, first + rows) and columns [column, column + columns) of a.
MatrixView part(const MatrixView& a, int64_t first, int64_t rows, int64_t column, int64_t columns) {
  return {a.data + first * a.row_stride + column * a.column_stride, rows, columns, a.row_stride,
          a.column_stride};
}

/// Neighbouring panels share cache lines of c, so a task has several; and there are several tasks
/// for every thread, the same number where the panels allow it.
int64_t panels_per_task(int64_t panels, int64_t threads) {
  for (const int64_t tasks_per_thread : {4, 3, 2}) {
    if (panels % (threads * tasks_per_thread) == 0) return panels / (threads * tasks_per_thread);
  }
  return std::max<int64_t>(1, panels / (8 * threads));
}

/// A thread's copy of a panel.
float* panel_memory() {
  thread_local std::vector<float> memory(static_cast<size_t>(kDepth * tile_kernels().width));
  return memory.data();
}

}  // namespace

bool has_gemm() { return tile_kernels().width > 0; }

int64_t whole_panels(int64_t n) {
  const int64_t width = tile_kernels().width;
  return (n + width - 1) / width * width;
}

void transpose(const MatrixView& from, float* to, int64_t stride) {
  constexpr int64_t kPiece = 64;  // columns whose lines of `to` stay in the first-level cache
  for (int64_t j0 = 0; j0 < from.columns; j0 += kPiece) {
    const int64_t j1 = std::min(j0 + kPiece, from.columns);
    for (int64_t i = 0; i < from.rows; i += 4) {
      const float* row = from.data + i * from.row_stride;
      int64_t j = j0;
      if (i + 4 <= from.rows) {
        for (; j + 4 <= j1; j += 4) {
          transpose_block(row + j, from.row_stride, to + j * stride + i, stride);
        }
      }
      for (; j < j1; ++j) {
        for (int64_t r = i; r < std::min(i + 4, from.rows); ++r) {
          to[j * stride + r] = from.data[r * from.row_stride + j];
        }
      }
    }
  }
}

void gemm(const MatrixView& a, const MatrixView& b, float* c, int64_t stride, bool accumulate) {
  const int64_t width = tile_kernels().width, panels = whole_panels(b.columns) / width;
  const int64_t threads = at::get_num_threads(), group = panels_per_task(panels, threads);
  const int64_t groups = (panels + group - 1) / group;
  // Few panels are cut across, so that every thread has its part.
  const int64_t cuts = groups >= 2 * threads ? 1 : threads;
  const int64_t strip = (a.rows + cuts - 1) / cuts;
  for (int64_t first = 0; first < b.rows; first += kDepth) {
    const int64_t depth = std::min(kDepth, b.rows - first);
    for_tasks(groups * cuts, [&](int64_t task) {
      const int64_t row = task % cuts * strip, rows = std::min(strip, a.rows - row);
      if (rows <= 0) return;
      const MatrixView own = part(a, row, rows, first, depth);
      const int64_t begin = task / cuts * group * width;
      for (int64_t column = begin; column < std::min(begin + group * width, b.columns);
           column += width) {
        const int64_t columns = std::min(width, b.columns - column);
        pack(b, first, depth, column, columns, panel_memory());
        PanelProduct{own,     panel_memory(),         width, c + row * stride + column, stride,
                     columns, accumulate || first > 0}
            .run();
      }
    });
  }
}

void small_gemm(const MatrixView& a, const MatrixView& b, float* c, int64_t stride,
                bool accumulate) {
  const int64_t width = tile_kernels().width;
  for (int64_t column = 0; column < b.columns; column += width) {
    const int64_t columns = std::min(width, b.columns - column);
    if (columns == width) {
      PanelProduct{a, b.data + column, b.row_stride, c + column, stride, columns, accumulate}.run();
      continue;
    }
    for (int64_t first = 0; first < b.rows; first += kDepth) {
      const int64_t depth = std::min(kDepth, b.rows - first);
      pack(b, first, depth, column, columns, panel_memory());
      PanelProduct{
          part(a, 0, a.rows, first, depth), panel_memory(), width, c + column, stride, columns,
          accumulate || first > 0}
          .run();
    }
  }
}

}  // namespace matlora::nn
