// Against what dequantize() reads: the nearest numbers of the type. Bytes are compared with the
// package `gguf` in tests/parity/merge_test.py.
#include "matlora/format/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "matlora/format/dequantize.h"

namespace matlora::format {
namespace {

std::vector<std::byte> quantized(GgmlType type, const std::vector<float>& numbers, bool fits) {
  std::vector<std::byte> bytes(numbers.size() / block_items(type) * block_bytes(type));
  EXPECT_EQ(quantize(type, numbers, bytes), fits);
  return bytes;
}

float round_trip(GgmlType type, float value) {
  float result = 0;
  dequantize(type, quantized(type, {value}, true), {&result, 1});
  return result;
}

/// Every float16 and bfloat16 is itself again; a number between two goes to the nearer one.
TEST(Quantize, SixteenBitsAreTheNearest) {
  for (const auto& [type, exponent] :
       {std::pair(GgmlType::f16, 0x7c00), {GgmlType::bf16, 0x7f80}}) {
    std::vector<float> all;
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
      if ((static_cast<int>(bits) & exponent) == exponent) continue;
      const auto half = static_cast<uint16_t>(bits);
      float value = 0;
      dequantize(type, std::as_bytes(std::span(&half, 1)), {&value, 1});
      const std::vector<std::byte> again = quantized(type, {value}, true);
      uint16_t got = 0;
      std::memcpy(&got, again.data(), 2);
      ASSERT_EQ(got, half);
      if (bits < 0x8000) all.push_back(value);
    }
    for (size_t i = 1; i < all.size(); i += 37) {
      const float middle = all[i - 1] / 2 + all[i] / 2;
      const float even = i % 2 == 0 ? all[i] : all[i - 1];  // bits ascend with the number
      EXPECT_EQ(round_trip(type, middle), even);
      EXPECT_EQ(round_trip(type, std::nextafter(middle, all[i])), all[i]);
      EXPECT_EQ(round_trip(type, -std::nextafter(middle, all[i - 1])), -all[i - 1]);
    }
  }
  quantized(GgmlType::f16, {65519}, true);
  quantized(GgmlType::f16, {65520}, false);
  quantized(GgmlType::f16, {-1e9F}, false);
  quantized(GgmlType::bf16, {std::numeric_limits<float>::max()}, false);
}

TEST(Quantize, BlocksOfEightBits) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> numbers(96);
  for (float& number : numbers) number = normal(random);
  for (size_t i = 64; i < 96; ++i) numbers[i] = 0;
  std::vector<float> read(96);
  dequantize(GgmlType::q8_0, quantized(GgmlType::q8_0, numbers, true), read);
  for (size_t block = 0; block < 3; ++block) {
    float largest = 0;
    for (size_t i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(numbers[32 * block + i]));
    for (size_t i = 32 * block; i < 32 * block + 32; ++i) {
      EXPECT_LE(std::fabs(read[i] - numbers[i]), largest / 127 * 0.57F);
    }
  }
  numbers[5] = 1e9F;
  quantized(GgmlType::q8_0, numbers, false);
  std::fill(numbers.begin(), numbers.end(), 1e-42F);
  quantized(GgmlType::q8_0, numbers, true);
  std::vector<std::byte> bytes(3);
  EXPECT_THROW(quantize(GgmlType::q8_0, numbers, bytes), BugError);
  EXPECT_THROW(quantize(GgmlType::q4_0, numbers, bytes), BugError);
}

}  // namespace
}  // namespace matlora::format
