#include "matlora/format/dequantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "matlora/base/error.h"
#include "tests/support/files.h"

namespace matlora::format {
namespace {

using test::raw;

constexpr uint16_t kHalf1 = 0x3c00, kHalf2 = 0x4000, kHalfMinus1 = 0xbc00, kHalf05 = 0x3800;

std::vector<float> values(GgmlType type, const std::string& bytes) {
  std::vector<float> out(bytes.size() / block_bytes(type) * block_items(type));
  dequantize(type, std::as_bytes(std::span(bytes)), out);
  return out;
}

float half(uint16_t bits) { return values(GgmlType::f16, raw(bits))[0]; }

TEST(Dequantize, F16IsExactAtItsEdges) {
  EXPECT_EQ(half(kHalf1), 1.0f);
  EXPECT_EQ(half(0x0001), std::ldexp(1.0f, -24));     // least subnormal
  EXPECT_EQ(half(0x03ff), std::ldexp(1023.0f, -24));  // largest subnormal
  EXPECT_EQ(half(0x0400), std::ldexp(1.0f, -14));     // least normal
  EXPECT_EQ(half(0x7bff), 65504.0f);                  // largest
  EXPECT_EQ(half(0x8001), -std::ldexp(1.0f, -24));
  EXPECT_EQ(half(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_EQ(half(0xfc00), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(half(0x7e00)));
  EXPECT_TRUE(std::isnan(half(0x7c01)));
  EXPECT_TRUE(std::signbit(half(0x8000)));
}

TEST(Dequantize, Bf16IsTheUpperHalfOfAFloat) {
  EXPECT_EQ(values(GgmlType::bf16, raw(uint16_t{0x3fc0}))[0], 1.5f);
  EXPECT_EQ(values(GgmlType::bf16, raw(uint16_t{0xff80}))[0],
            -std::numeric_limits<float>::infinity());
}

TEST(Dequantize, UnalignedF32) {
  const std::string bytes = "x" + raw(1.25f) + raw(-3.0f);
  float out[2];
  dequantize(GgmlType::f32, std::as_bytes(std::span(bytes)).subspan(1), out);
  EXPECT_EQ(out[0], 1.25f);
  EXPECT_EQ(out[1], -3.0f);
}

TEST(Dequantize, Q4_0HoldsLowNibblesFirst) {
  const auto y = values(GgmlType::q4_0, raw(kHalf05) + std::string(16, '\xf1'));
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(y[i], 0.5f * (1 - 8));
    EXPECT_EQ(y[16 + i], 0.5f * (15 - 8));
  }
}

TEST(Dequantize, Q4_1AddsItsMinimum) {
  const auto y = values(GgmlType::q4_1, raw(kHalf2) + raw(kHalfMinus1) + std::string(16, '\x30'));
  EXPECT_EQ(y[0], -1.0f);
  EXPECT_EQ(y[31], 2.0f * 3 - 1);
}

TEST(Dequantize, Q5TakesTheFifthBitOfEachNumber) {
  const std::string high = raw(uint32_t{0x80000001}), low(16, '\x21');
  const auto y = values(GgmlType::q5_0, raw(kHalf1) + high + low);
  EXPECT_EQ(y[0], 1 + 16 - 16);
  EXPECT_EQ(y[1], 1 - 16);
  EXPECT_EQ(y[30], 2 - 16);
  EXPECT_EQ(y[31], 2 + 16 - 16);
  const auto z = values(GgmlType::q5_1, raw(kHalf2) + raw(kHalf05) + high + low);
  EXPECT_EQ(z[0], 2 * 17 + 0.5f);
  EXPECT_EQ(z[1], 2 * 1 + 0.5f);
}

TEST(Dequantize, Q8_0IsSigned) {
  const auto y = values(GgmlType::q8_0, raw(kHalf05) + std::string(31, '\x80') + "\x7f");
  EXPECT_EQ(y[0], -64.0f);
  EXPECT_EQ(y[31], 63.5f);
}

TEST(Dequantize, SuperblocksOfOneValue) {
  // All scales 1 (Q3_K: 33 - 32, Q6_K: 1), offsets 2.
  const auto q2 = values(GgmlType::q2_k, std::string(16, '\x21') + std::string(64, '\xe4') +
                                             raw(kHalf1) + raw(kHalf05));
  EXPECT_EQ(q2[0], 0 - 1.0f);
  EXPECT_EQ(q2[32], 1 - 1.0f);
  EXPECT_EQ(q2[64], 2 - 1.0f);
  EXPECT_EQ(q2[255], 3 - 1.0f);
  const auto q3 =
      values(GgmlType::q3_k, std::string(32, '\x0f') + std::string(64, '\xff') +
                                 std::string(8, '\x11') + std::string(4, '\xaa') + raw(kHalf1));
  EXPECT_EQ(q3[0], 3.0f);        // high bits 0-3 set: nothing subtracted
  EXPECT_EQ(q3[128], 3.0f - 4);  // high bits 4-7 clear
  const std::string scales =
      std::string(4, '\x01') + std::string(4, '\x02') + std::string(4, '\x21');
  const auto q4 =
      values(GgmlType::q4_k, raw(kHalf1) + raw(kHalf05) + scales + std::string(128, '\x93'));
  EXPECT_EQ(q4[0], 3 - 1.0f);
  EXPECT_EQ(q4[255], 9 - 1.0f);
  const auto q5 = values(GgmlType::q5_k, raw(kHalf1) + raw(kHalf05) + scales +
                                             std::string(32, '\x80') + std::string(128, '\x93'));
  EXPECT_EQ(q5[0], 3 - 1.0f);
  EXPECT_EQ(q5[255], 9 + 16 - 1.0f);
  const auto q6 = values(GgmlType::q6_k, std::string(128, '\x93') + std::string(64, '\xc0') +
                                             std::string(16, '\x01') + raw(kHalf2));
  EXPECT_EQ(q6[0], 2.0f * (3 - 32));
  EXPECT_EQ(q6[255], 2.0f * (9 + 48 - 32));
}

TEST(Dequantize, RefusesPartsOfBlocks) {
  std::vector<float> out(32);
  const std::string bytes(36, '\0');
  const auto span = std::as_bytes(std::span(bytes));
  EXPECT_NO_THROW(dequantize(GgmlType::q4_0, span.first(18), out));
  EXPECT_THROW(dequantize(GgmlType::q4_0, span.first(17), out), BugError);
  EXPECT_THROW(dequantize(GgmlType::q4_0, span, out), BugError);
  EXPECT_THROW(dequantize(GgmlType::q4_0, span.first(18), std::span(out).first(31)), BugError);
}

}  // namespace
}  // namespace matlora::format
