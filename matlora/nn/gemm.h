// float32 products on a processor's vector units: what product.h and attention.h call where there
// are some.
#pragma once

#include <cstdint>

namespace matlora::nn {

/// Element (i, j) is data[i·row_stride + j·column_stride].
struct MatrixView {
  const float* data;
  int64_t rows, columns, row_stride, column_stride;

  MatrixView transposed() const { return {data, columns, rows, column_stride, row_stride}; }
};

/// Whether this processor has a kernel; without one nothing below may be called.
bool has_gemm();

/// c = a·b or, with `accumulate`, c += a·b, on all threads. c: [a.rows, b.columns], `stride`
/// numbers from row to row; it overlaps neither. For any number of threads the same bits.
void gemm(const MatrixView& a, const MatrixView& b, float* c, int64_t stride, bool accumulate);

/// The same on the calling thread, for matrices in its caches: b is read where it is, its
/// rows contiguous (column_stride 1).
void small_gemm(const MatrixView& a, const MatrixView& b, float* c, int64_t stride,
                bool accumulate);

/// n rounded up to whole panels of small_gemm: that many columns have no slow edge.
int64_t whole_panels(int64_t n);

/// to[j·stride + i] = from(i, j), the rows of `from` contiguous.
void transpose(const MatrixView& from, float* to, int64_t stride);

}  // namespace matlora::nn
