// The float32 product on one machine's vector units: what product.h calls where there are some.
#pragma once

#include <cstdint>

namespace matlora::nn {

/// Element (i, j) lies at data[i·row_stride + j·column_stride].
struct MatrixView {
  const float* data;
  int64_t rows, columns, row_stride, column_stride;
};

/// Whether this processor has a kernel.
bool has_gemm();

/// c = a·b or, with `accumulate`, c += a·b. c: [a.rows, b.columns], `stride` numbers from row to
/// row; it overlaps neither. For any number of threads the same bits.
void gemm(const MatrixView& a, const MatrixView& b, float* c, int64_t stride, bool accumulate);

}  // namespace matlora::nn
