// ggml's block formats to float32. Reference: ggml-quants.c and the Python package `gguf`
// (gguf/quants.py), with which the results agree to the bit.
#pragma once

#include <cstddef>
#include <span>

#include "matlora/base/error.h"
#include "matlora/format/gguf.h"

namespace matlora::format {

/// Whether dequantize() knows the type.
bool can_dequantize(GgmlType type);

/// Dequantises whole blocks of `type` from `blocks` into `out`. Throws BugError unless
/// blocks.size() / block_bytes == out.size() / block_items, both exact, and can_dequantize(type).
void dequantize(GgmlType type, std::span<const std::byte> blocks, std::span<float> out);

}  // namespace matlora::format
