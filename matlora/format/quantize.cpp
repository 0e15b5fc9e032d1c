#include "matlora/format/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace matlora::format {
namespace {

constexpr size_t kBlock = 32;  // numbers of a block of Q8_0

/// IEEE 754 binary32 to binary16, to the nearest, halves to even; too large ones to infinity.
uint16_t half_of(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x47800000) return sign | 0x7c00;  // 65536 and above
  if (magnitude < 0x38800000) {                       // below 2^-14: a multiple of 2^-24
    // Added to 2^-1, whose last digit is 2^-24, the sum is rounded as it must be.
    const float sum = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - 0x3f000000));
  }
  const uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
}

uint16_t bfloat_of(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// 16 bits of each number; false where one became infinite: all bits of `exponent` are set.
bool to_16_bits(std::span<const float> numbers, std::byte* out, uint16_t (*round)(float),
                uint16_t exponent) {
  bool fits = true;
  for (const float number : numbers) {
    const uint16_t bits = round(number);
    fits = fits && (bits & exponent) != exponent;
    std::memcpy(out, &bits, sizeof(bits));
    out += sizeof(bits);
  }
  return fits;
}

/// block_q8_0 of ggml: a scale in F16, 32 numbers in int8.
bool to_q8_0(std::span<const float> numbers, std::byte* out) {
  bool fits = true;
  for (size_t begin = 0; begin < numbers.size(); begin += kBlock) {
    const auto block = numbers.subspan(begin, kBlock);
    float largest = 0;
    for (const float number : block) largest = std::max(largest, std::fabs(number));
    const float scale = largest / 127;
    const float inverse = scale == 0 ? 0 : 1 / scale;
    const uint16_t bits = half_of(scale);
    fits = fits && (bits & 0x7c00) != 0x7c00;
    std::memcpy(out, &bits, sizeof(bits));
    out += sizeof(bits);
    for (const float number : block) {
      const float level = std::isfinite(inverse) ? std::round(number * inverse) : 0;
      *out++ = static_cast<std::byte>(static_cast<int8_t>(level));
    }
  }
  return fits;
}

}  // namespace

bool can_quantize(GgmlType type) {
  return type == GgmlType::f32 || type == GgmlType::f16 || type == GgmlType::bf16 ||
         type == GgmlType::q8_0;
}

bool quantize(GgmlType type, std::span<const float> numbers, std::span<std::byte> out) {
  const size_t items = block_items(type);
  check(can_quantize(type), "quantize: ", ggml_type_name(type));
  check(numbers.size() % items == 0 && out.size() == numbers.size() / items * block_bytes(type),
        "quantize: ", numbers.size(), " numbers, ", out.size(), " bytes");
  switch (type) {
    case GgmlType::f16:
      return to_16_bits(numbers, out.data(), half_of, 0x7c00);
    case GgmlType::bf16:
      return to_16_bits(numbers, out.data(), bfloat_of, 0x7f80);
    case GgmlType::q8_0:
      return to_q8_0(numbers, out.data());
    default:
      std::memcpy(out.data(), numbers.data(), numbers.size_bytes());
      return true;
  }
}

}  // namespace matlora::format
