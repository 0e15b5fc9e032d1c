// Arithmetic on sizes that were read from a file: overflow is the file's error, not ours.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "matlora/base/error.h"

namespace matlora {

/// a * b in uint64. Throws UserError at `where`, naming `what`, when it overflows.
inline uint64_t checked_mul(uint64_t a, uint64_t b, const std::string& where, const char* what) {
  uint64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) fail(where, what, " overflows: ", a, " x ", b);
  return result;
}

/// a + b in uint64. Throws UserError at `where`, naming `what`, when it overflows.
inline uint64_t checked_add(uint64_t a, uint64_t b, const std::string& where, const char* what) {
  uint64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) fail(where, what, " overflows: ", a, " + ", b);
  return result;
}

/// Product of the dimensions (1 for none), each >= 0. Throws UserError at `where` when the product
/// does not fit int64; zeros do not hide an overflow of the others, which strides would meet.
inline uint64_t checked_items(std::span<const int64_t> shape, const std::string& where) {
  uint64_t product = 1;
  bool empty = false;
  for (const int64_t dimension : shape) {
    if (dimension < 0) fail(where, "negative dimension ", dimension);
    if (dimension == 0) empty = true;
    const auto factor = static_cast<uint64_t>(dimension == 0 ? 1 : dimension);
    product = checked_mul(product, factor, where, "the product of the dimensions");
    if (product > INT64_MAX) fail(where, "the product of the dimensions overflows: ", product);
  }
  return empty ? 0 : product;
}

}  // namespace matlora
