// Running a row kernel over a tensor: which tensors have kernels, rows of either dtype as float32,
// and the threads. Private to nn's .cpp files.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "matlora/nn/row_kernels.h"

namespace matlora::nn {

/// Whether x is on the processor in a dtype that the kernels know; others take the plain way.
inline bool has_kernels(const at::Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

/// Calls f(float()) or f(c10::BFloat16()) for x's dtype.
template <class F>
void for_dtype(const at::Tensor& x, const F& f) {
  if (x.scalar_type() == at::kFloat) {
    f(float());
  } else {
    f(c10::BFloat16());
  }
}

/// Room for rows of `width` float32 numbers, for dtypes that need a copy.
template <class T>
class Scratch {
 public:
  Scratch(int rows, int64_t width) : width_(width) {
    if constexpr (!std::is_same_v<T, float>) memory_.resize(static_cast<size_t>(rows * width));
  }
  float* row(int i) { return memory_.data() + i * width_; }

 private:
  int64_t width_;
  std::vector<float> memory_;
};

/// The numbers at `x` as float32: `x` itself or a copy in `scratch`.
inline const float* read_row(const float* x, float*, int64_t) { return x; }
inline const float* read_row(const c10::BFloat16* x, float* scratch, int64_t n) {
  widen(x, scratch, n);
  return scratch;
}
/// Where to write the float32 numbers that write_row() then brings to `y`.
inline float* open_row(float* y, float*) { return y; }
inline float* open_row(c10::BFloat16*, float* scratch) { return scratch; }
inline void write_row(float*, const float*, int64_t) {}
inline void write_row(c10::BFloat16* y, const float* scratch, int64_t n) { narrow(scratch, y, n); }

/// Calls f(begin, end) on ranges of `rows` rows of `width` numbers, on all threads.
template <class F>
void for_rows(int64_t rows, int64_t width, const F& f) {
  constexpr int64_t kNumbersPerTask = 1 << 15;
  at::parallel_for(0, rows, std::max<int64_t>(1, kNumbersPerTask / width), f);
}

}  // namespace matlora::nn
