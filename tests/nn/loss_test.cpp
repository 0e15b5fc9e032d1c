#include "matlora/nn/loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace matlora::nn {
namespace {

TEST(TokenLosses, HandValues) {
  const at::Tensor logits = at::tensor({0.0, 0.0, 0.0, 1.0, 2.0, 3.0}, at::kDouble).view({2, 3});
  const at::Tensor losses = token_losses(logits, at::tensor({1, 0}, at::kLong));
  EXPECT_NEAR(losses[0].item<double>(), std::log(3.0), 1e-12);
  EXPECT_NEAR(losses[1].item<double>(), std::log(std::exp(1) + std::exp(2) + std::exp(3)) - 1,
              1e-12);
}

TEST(TokenLosses, BFloat16LogitsGiveFloat32Losses) {
  const at::Tensor logits = at::zeros({1, 1000}, at::kBFloat16);
  const at::Tensor losses = token_losses(logits, at::tensor({7}, at::kLong));
  EXPECT_EQ(losses.scalar_type(), at::kFloat);
  EXPECT_NEAR(losses.item<double>(), std::log(1000.0), 1e-5);
}

}  // namespace
}  // namespace matlora::nn
