#include "matlora/nn/tiles.h"

#include <utility>

#include "matlora/nn/vector_unit.h"

namespace matlora::nn {
namespace {

#if defined(__x86_64__) && defined(__GNUC__)
typedef float Float8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float Float16 __attribute__((vector_size(64), aligned(4), may_alias));

// A macro, because a function's instruction set cannot be a template's parameter.
#define MATLORA_TILE_KERNEL(name, instructions, Vector)                                   \
  template <int rows, int vectors>                                                        \
  __attribute__((target(instructions))) void name(const Tile& tile) {                     \
    constexpr int kLanes = sizeof(Vector) / sizeof(float);                                \
    Vector sums[rows][vectors] = {};                                                      \
    const float *a = tile.a, *panel = tile.panel;                                         \
    for (int64_t k = 0; k < tile.depth; ++k) {                                            \
      Vector b[vectors];                                                                  \
      _Pragma("GCC unroll 2") for (int j = 0; j < vectors; ++j) {                         \
        b[j] = *reinterpret_cast<const Vector*>(panel + j * kLanes);                      \
      }                                                                                   \
      _Pragma("GCC unroll 8") for (int i = 0; i < rows; ++i) {                            \
        const float x = a[i * tile.row_stride];                                           \
        _Pragma("GCC unroll 2") for (int j = 0; j < vectors; ++j) sums[i][j] += b[j] * x; \
      }                                                                                   \
      a += tile.step_stride;                                                              \
      panel += tile.panel_stride;                                                         \
    }                                                                                     \
    _Pragma("GCC unroll 8") for (int i = 0; i < rows; ++i) {                              \
      _Pragma("GCC unroll 2") for (int j = 0; j < vectors; ++j) {                         \
        Vector* c = reinterpret_cast<Vector*>(tile.c + i * tile.c_stride + j * kLanes);   \
        *c = tile.accumulate ? *c + sums[i][j] : sums[i][j];                              \
      }                                                                                   \
    }                                                                                     \
  }                                                                                       \
  template <int vectors, int... rows>                                                     \
  TileKernels::ByRowCount name##_kernels(std::integer_sequence<int, rows...>) {           \
    return {name<rows + 1, vectors>...};                                                  \
  }
MATLORA_TILE_KERNEL(tile_avx512, "avx512f", Float16)
MATLORA_TILE_KERNEL(tile_avx2, "avx2,fma", Float8)

TileKernels choose() {
  const VectorUnit unit = vector_unit();
  if (unit == VectorUnit::avx512) {
    constexpr std::make_integer_sequence<int, 8> kRows;
    return {32, tile_avx512_kernels<2>(kRows), tile_avx512_kernels<1>(kRows)};
  }
  if (unit == VectorUnit::avx2) {
    constexpr std::make_integer_sequence<int, 6> kRows;
    return {16, tile_avx2_kernels<2>(kRows), tile_avx2_kernels<1>(kRows)};
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
