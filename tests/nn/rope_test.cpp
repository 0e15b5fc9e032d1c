#include "matlora/nn/rope.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace matlora::nn {
namespace {

TEST(Rope, FrequenciesAreAGeometricSeries) {
  const std::vector<float> f = rope_frequencies(8, 10000);
  ASSERT_EQ(f.size(), 4u);
  EXPECT_FLOAT_EQ(f[0], 1.0f);
  EXPECT_FLOAT_EQ(f[1], 0.1f);
  EXPECT_FLOAT_EQ(f[2], 0.01f);
  EXPECT_FLOAT_EQ(f[3], 0.001f);
}

TEST(Rope, LinearScalingDivides) {
  std::vector<float> f = {1.0f, 0.5f};
  scale_linear(f, 4);
  EXPECT_EQ(f, (std::vector<float>{0.25f, 0.125f}));
}

// L = 64, low 1, high 4: wavelengths up to 16 stay, above 64 are divided by 8. In between,
// wavelength 32: t = (64/32 - 1) / (4 - 1) = 1/3, so f·(2/3/8 + 1/3) = f·5/12.
TEST(Rope, Llama3ScalingByWavelength) {
  const auto of_wavelength = [](double w) { return static_cast<float>(2 * std::numbers::pi / w); };
  std::vector<float> f = {of_wavelength(8), of_wavelength(32), of_wavelength(100)};
  scale_llama3(f, 8, 1, 4, 64);
  EXPECT_FLOAT_EQ(f[0], of_wavelength(8));
  EXPECT_FLOAT_EQ(f[1], of_wavelength(32) * 5.0f / 12.0f);
  EXPECT_FLOAT_EQ(f[2], of_wavelength(100) / 8.0f);
}

// Dimension 0 turns with 2 and 1 with 3: at position 1 by f, so (1, 0) becomes (cos f, sin f).
TEST(Rope, HalfSplitRotation) {
  const double quarter = std::numbers::pi / 2;
  const at::Tensor frequencies = at::tensor({quarter, quarter / 3}, at::kFloat);
  const Rotation turn = rotation(at::tensor({0, 1}, at::kLong), {frequencies}, at::kFloat);
  const at::Tensor x = at::tensor({1, 2, 3, 4, 1, 2, 3, 4}, at::kFloat).view({2, 1, 4});
  const double c = std::cos(quarter / 3), s = std::sin(quarter / 3);
  const at::Tensor expected =
      at::tensor({1.0, 2.0, 3.0, 4.0, -3.0, 2 * c - 4 * s, 1.0, 4 * c + 2 * s}, at::kFloat);
  EXPECT_TRUE(at::allclose(rotate(x, turn).view({-1}), expected, 1e-6, 1e-6));
}

TEST(Rope, ProductsDependOnlyOnTheDistance) {
  const at::Tensor f = at::tensor(rope_frequencies(4, 100), at::kFloat);
  const at::Tensor q = at::tensor({0.3, -1.0, 0.7, 2.0}, at::kFloat).view({1, 1, 4});
  const at::Tensor k = at::tensor({1.1, 0.2, -0.4, 0.9}, at::kFloat).view({1, 1, 4});
  const auto product = [&](int64_t i, int64_t j) {
    const at::Tensor a = rotate(q, rotation(at::full({1}, i, at::kLong), {f}, at::kFloat));
    const at::Tensor b = rotate(k, rotation(at::full({1}, j, at::kLong), {f}, at::kFloat));
    return (a * b).sum().item<float>();
  };
  EXPECT_NEAR(product(3, 1), product(12, 10), 1e-5);
  EXPECT_GT(std::abs(product(3, 1) - product(3, 2)), 1e-2);
}

}  // namespace
}  // namespace matlora::nn
