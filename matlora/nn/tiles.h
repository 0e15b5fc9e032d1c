// The innermost products: a tile of a few rows and two vectors of columns, summed up in registers.
// Private to gemm.cpp.
#pragma once

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
  int64_t width = 0;                                // columns of a tile: two vectors
  std::vector<void (*)(const Tile&)> by_row_count;  // [i]: for i + 1 rows

  int64_t max_rows() const { return static_cast<int64_t>(by_row_count.size()); }
};

/// Those of vector_unit(); of width 0 where there are none.
const TileKernels& tile_kernels();

}  // namespace matlora::nn
