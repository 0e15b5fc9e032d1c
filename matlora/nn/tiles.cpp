#include "matlora/nn/tiles.h"

#include "matlora/nn/vector_unit.h"

namespace matlora::nn {
namespace {

#if defined(__x86_64__) && defined(__GNUC__)
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
      panel += tile.panel_stride;                                                  \
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

TileKernels choose() {
  const VectorUnit unit = vector_unit();
  if (unit == VectorUnit::avx512) {
    return {32,
            {tile_avx512<1>, tile_avx512<2>, tile_avx512<3>, tile_avx512<4>, tile_avx512<5>,
             tile_avx512<6>, tile_avx512<7>, tile_avx512<8>}};
  }
  if (unit == VectorUnit::avx2) {
    return {16,
            {tile_avx2<1>, tile_avx2<2>, tile_avx2<3>, tile_avx2<4>, tile_avx2<5>, tile_avx2<6>}};
  }
  return {};
}
#else
TileKernels choose() { return {}; }
#endif

}  // namespace

const TileKernels& tile_kernels() {
  static const TileKernels chosen = choose();
  return chosen;
}

}  // namespace matlora::nn
