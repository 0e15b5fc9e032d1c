// The innermost products: a tile of a few rows and two vectors of columns, summed up in registers.
// Private to gemm.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace matlora::nn {

/// A tile's inputs: `depth` steps through a (from a row to the next row_stride, per step of depth
/// step_stride) and through a panel of b; and where it goes.
struct Tile {
  int64_t depth;
  const float* a;
  int64_t row_stride, step_stride;
  const float* panel;  // per step of depth `width` contiguous numbers, panel_stride after the last
  int64_t panel_stride;
  float* c;
  int64_t c_stride;
  bool accumulate;
};

/// What differs from one instruction set to another.
struct TileKernels {
  using ByRowCount = std::vector<void (*)(const Tile&)>;  // [i]: for i + 1 rows

  int64_t width = 0;        // columns of a tile: two vectors
  ByRowCount wide, narrow;  // narrow: of the first vector only

  int64_t max_rows() const { return static_cast<int64_t>(wide.size()); }
  /// Columns of the smallest tile that holds `columns`.
  int64_t width_for(int64_t columns) const { return 2 * columns <= width ? width / 2 : width; }
  void run(const Tile& tile, int64_t rows, int64_t columns) const {
    (width_for(columns) == width ? wide : narrow)[static_cast<size_t>(rows - 1)](tile);
  }
};

/// Those of vector_unit(); of width 0 where there are none.
const TileKernels& tile_kernels();

}  // namespace matlora::nn
