// float32 to ggml's types. Reference: ggml-quants.c and the Python package `gguf`
// (gguf/quants.py), with which the bytes agree.
#pragma once

#include <cstddef>
#include <span>

#include "matlora/base/error.h"
#include "matlora/format/gguf.h"

namespace matlora::format {

/// Whether quantize() knows the type: F32, F16, BF16 and Q8_0.
bool can_quantize(GgmlType type);

/// Rounds whole blocks of finite numbers, each to the nearest, F16 and BF16 to even; in Q8_0 halves
/// go away from zero, and the scale of a block is max |x| / 127 in F16. False when a number (or a
/// scale) does not fit the type. Throws BugError unless the sizes agree and can_quantize(type).
bool quantize(GgmlType type, std::span<const float> numbers, std::span<std::byte> out);

}  // namespace matlora::format
