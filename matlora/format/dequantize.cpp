// A block is a few fields of bytes, in the order given above each function; d, m are its float16
// scale and offset, q its small integers. Numbers of a block are written y[0..items).
//
//   F16, BF16   y = value                       Q4_1, Q5_1   y = d q + m
//   Q8_0        y = d q,  q in -128..127        Q2_K         y = (d s) q - (dmin t)
//   Q4_0        y = d (q - 8)                   Q3_K         y = (d (s - 32)) q,  q in -4..3
//   Q5_0        y = d (q - 16)                  Q4_K, Q5_K   y = (d s) q - (dmin t)
//                                               Q6_K         y = (d s) (q - 32)
//
// s and t are small integers for each 16 or 32 numbers. The order of the operations, in float32
// without fused multiply-add, is part of the result.
#include "matlora/format/dequantize.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "matlora/base/error.h"

namespace matlora::format {
namespace {

uint16_t load_u16(const uint8_t* bytes) {
  uint16_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// IEEE binary16 to binary32, exact. Subnormals are integers times 2^-24.
float load_f16(const uint8_t* bytes) {
  const uint32_t half = load_u16(bytes);
  const uint32_t sign = (half & 0x8000u) << 16, magnitude = half & 0x7fffu;
  uint32_t bits = (magnitude << 13) + (112u << 23);                  // exponent bias 15 -> 127
  if (magnitude >= 0x7c00u) bits = (magnitude << 13) | 0x7f800000u;  // infinity, NaN
  if (magnitude < 0x0400u) {
    bits = std::bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  }
  return std::bit_cast<float>(bits | sign);
}

float load_bf16(const uint8_t* bytes) {
  return std::bit_cast<float>(static_cast<uint32_t>(load_u16(bytes)) << 16);
}

float to_float(int value) { return static_cast<float>(value); }

void f32_block(const uint8_t* x, float* y) { std::memcpy(y, x, sizeof *y); }
void f16_block(const uint8_t* x, float* y) { *y = load_f16(x); }
void bf16_block(const uint8_t* x, float* y) { *y = load_bf16(x); }

// d, q[16]: low nibbles are y[0..16), high nibbles y[16..32).
void q4_0_block(const uint8_t* x, float* y) {
  const float d = load_f16(x);
  const uint8_t* q = x + 2;
  for (int i = 0; i < 16; ++i) y[i] = d * to_float((q[i] & 15) - 8);
  for (int i = 0; i < 16; ++i) y[i + 16] = d * to_float((q[i] >> 4) - 8);
}

// d, m, q[16]
void q4_1_block(const uint8_t* x, float* y) {
  const float d = load_f16(x), m = load_f16(x + 2);
  const uint8_t* q = x + 4;
  for (int i = 0; i < 16; ++i) y[i] = d * to_float(q[i] & 15) + m;
  for (int i = 0; i < 16; ++i) y[i + 16] = d * to_float(q[i] >> 4) + m;
}

/// The integers of Q5_0 and Q5_1: fifth bits in `high`, nibbles as in Q4_0.
void unpack_5_bits(const uint8_t* high, const uint8_t* low, int* q) {
  uint32_t bits;
  std::memcpy(&bits, high, sizeof bits);
  for (int i = 0; i < 16; ++i) {
    q[i] = (low[i] & 15) | static_cast<int>(((bits >> i) & 1) << 4);
    q[i + 16] = (low[i] >> 4) | static_cast<int>(((bits >> (i + 16)) & 1) << 4);
  }
}

// d, high[4], low[16]
void q5_0_block(const uint8_t* x, float* y) {
  const float d = load_f16(x);
  int q[32];
  unpack_5_bits(x + 2, x + 6, q);
  for (int i = 0; i < 32; ++i) y[i] = d * to_float(q[i] - 16);
}

// d, m, high[4], low[16]
void q5_1_block(const uint8_t* x, float* y) {
  const float d = load_f16(x), m = load_f16(x + 2);
  int q[32];
  unpack_5_bits(x + 4, x + 8, q);
  for (int i = 0; i < 32; ++i) y[i] = d * to_float(q[i]) + m;
}

// d, q[32]
void q8_0_block(const uint8_t* x, float* y) {
  const float d = load_f16(x);
  for (int i = 0; i < 32; ++i) y[i] = to_float(static_cast<int8_t>(x[2 + i])) * d;
}

// Below, a superblock's 256 numbers are 8 rows of 32; row r has bits in a byte shared with others.

// st[16] (s low nibble, t high), q[64], d, dmin
void q2_k_block(const uint8_t* x, float* y) {
  const float d = load_f16(x + 80), dmin = load_f16(x + 82);
  for (int g = 0; g < 16; ++g) {  // groups of 16
    const float ds = d * to_float(x[g] & 15), dt = dmin * to_float(x[g] >> 4);
    const int r = g / 2, shift = 2 * (r % 4);
    const uint8_t* q = x + 16 + 32 * (r / 4) + 16 * (g % 2);
    for (int i = 0; i < 16; ++i) y[16 * g + i] = ds * to_float((q[i] >> shift) & 3) - dt;
  }
}

// high[32], low[64], s[12] (16 of 6 bits: low nibbles in 8 bytes, high pairs in 4), d
void q3_k_block(const uint8_t* x, float* y) {
  const uint8_t* s = x + 96;
  const float d = load_f16(x + 108);
  for (int g = 0; g < 16; ++g) {
    const int s_low = (s[g % 8] >> (4 * (g / 8))) & 15,
              s_high = (s[8 + g % 4] >> (2 * (g / 4))) & 3;
    const float ds = d * to_float((s_low | (s_high << 4)) - 32);
    const int r = g / 2, shift = 2 * (r % 4);
    const uint8_t* high = x + 16 * (g % 2);
    const uint8_t* low = x + 32 + 32 * (r / 4) + 16 * (g % 2);
    for (int i = 0; i < 16; ++i) {
      // A set high bit means "do not subtract 4".
      y[16 * g + i] = ds * to_float(((low[i] >> shift) & 3) + 4 * ((high[i] >> r) & 1) - 4);
    }
  }
}

struct ScaleAndOffset {
  int s, t;
};

/// Row r of the 12 bytes that hold 8 pairs of 6 bits: bytes 0-3 and 4-7 hold s and t of rows 0-3,
/// their upper two bits and bytes 8-11 those of rows 4-7.
ScaleAndOffset unpack_6_bits(const uint8_t* packed, int r) {
  if (r < 4) return {packed[r] & 63, packed[4 + r] & 63};
  const int k = r - 4;
  return {(packed[8 + k] & 15) | ((packed[k] >> 2) & 48),
          (packed[8 + k] >> 4) | ((packed[4 + k] >> 2) & 48)};
}

// d, dmin, st[12], q[128]
void q4_k_block(const uint8_t* x, float* y) {
  const float d = load_f16(x), dmin = load_f16(x + 2);
  for (int r = 0; r < 8; ++r) {
    const auto [s, t] = unpack_6_bits(x + 4, r);
    const float ds = d * to_float(s), dt = dmin * to_float(t);
    const uint8_t* q = x + 16 + 32 * (r / 2);
    const int shift = 4 * (r % 2);
    for (int i = 0; i < 32; ++i) y[32 * r + i] = ds * to_float((q[i] >> shift) & 15) - dt;
  }
}

// d, dmin, st[12], high[32], low[128]
void q5_k_block(const uint8_t* x, float* y) {
  const float d = load_f16(x), dmin = load_f16(x + 2);
  const uint8_t* high = x + 16;
  for (int r = 0; r < 8; ++r) {
    const auto [s, t] = unpack_6_bits(x + 4, r);
    const float ds = d * to_float(s), dt = dmin * to_float(t);
    const uint8_t* low = x + 48 + 32 * (r / 2);
    const int shift = 4 * (r % 2);
    for (int i = 0; i < 32; ++i) {
      const int q = ((low[i] >> shift) & 15) | (((high[i] >> r) & 1) << 4);
      y[32 * r + i] = ds * to_float(q) - dt;
    }
  }
}

// low[128], high[64], s[16] (signed), d
void q6_k_block(const uint8_t* x, float* y) {
  const float d = load_f16(x + 208);
  for (int g = 0; g < 16; ++g) {
    const float ds = d * to_float(static_cast<int8_t>(x[192 + g]));
    const int half = g / 8, r = (g / 2) % 4, first = 16 * (g % 2);
    const uint8_t* low = x + 64 * half + 32 * (r % 2) + first;
    const uint8_t* high = x + 128 + 32 * half + first;
    const int low_shift = 4 * (r / 2), high_shift = 2 * r;
    for (int i = 0; i < 16; ++i) {
      const int q = ((low[i] >> low_shift) & 15) | (((high[i] >> high_shift) & 3) << 4);
      y[16 * g + i] = ds * to_float(q - 32);
    }
  }
}

struct Blocks {
  const uint8_t* x;
  float* y;
  size_t count, bytes, items;  // bytes and items: of a block
};

template <auto one_block>
void each(const Blocks& b) {
  for (size_t i = 0; i < b.count; ++i) one_block(b.x + i * b.bytes, b.y + i * b.items);
}

}  // namespace

void dequantize(GgmlType type, std::span<const std::byte> blocks, std::span<float> out) {
  const size_t bytes = block_bytes(type), items = block_items(type);
  check(blocks.size() % bytes == 0 && out.size() % items == 0 &&
            blocks.size() / bytes == out.size() / items,
        "dequantize: ", blocks.size(), " bytes of ", ggml_type_name(type), " into ", out.size(),
        " numbers");
  const auto* x = reinterpret_cast<const uint8_t*>(blocks.data());
  const Blocks all{x, out.data(), out.size() / items, bytes, items};
  switch (type) {
    case GgmlType::f32:
      return each<f32_block>(all);
    case GgmlType::f16:
      return each<f16_block>(all);
    case GgmlType::bf16:
      return each<bf16_block>(all);
    case GgmlType::q4_0:
      return each<q4_0_block>(all);
    case GgmlType::q4_1:
      return each<q4_1_block>(all);
    case GgmlType::q5_0:
      return each<q5_0_block>(all);
    case GgmlType::q5_1:
      return each<q5_1_block>(all);
    case GgmlType::q8_0:
      return each<q8_0_block>(all);
    case GgmlType::q2_k:
      return each<q2_k_block>(all);
    case GgmlType::q3_k:
      return each<q3_k_block>(all);
    case GgmlType::q4_k:
      return each<q4_k_block>(all);
    case GgmlType::q5_k:
      return each<q5_k_block>(all);
    case GgmlType::q6_k:
      return each<q6_k_block>(all);
    default:
      throw BugError(cat("dequantize: ", ggml_type_name(type), " is not known"));
  }
}

}  // namespace matlora::format
