#include "matlora/nn/rms_norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace matlora::nn {
namespace {

// mean(3², 4²) = 12.5
TEST(RmsNorm, HandValues) {
  const at::Tensor x = at::tensor({3.0, 4.0, 0.0, 0.0}, at::kDouble).view({2, 2});
  const at::Tensor w = at::tensor({2.0, -1.0}, at::kDouble);
  const at::Tensor y = rms_norm(x, w, 0.5);
  EXPECT_DOUBLE_EQ(y[0][0].item<double>(), 6 / std::sqrt(13.0));
  EXPECT_DOUBLE_EQ(y[0][1].item<double>(), -4 / std::sqrt(13.0));
  EXPECT_EQ(y[1][0].item<double>(), 0);
}

// Squares of 300 overflow float16; the mean must not be taken in it.
TEST(RmsNorm, HalfPrecisionIsNormalisedInFloat32) {
  const at::Tensor x = at::full({1, 8}, 300.0, at::kHalf);
  const at::Tensor y = rms_norm(x, at::ones({8}, at::kHalf), 1e-5);
  EXPECT_EQ(y.scalar_type(), at::kHalf);
  EXPECT_TRUE(at::equal(y, at::ones({1, 8}, at::kHalf)));
}

}  // namespace
}  // namespace matlora::nn
