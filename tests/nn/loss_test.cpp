#include "matlora/nn/loss.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>

namespace matlora::nn {
namespace {

// The identity as the vocabulary's layer: h are the logits.
TEST(ScoreLabels, HandValues) {
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    const at::Tensor logits = at::tensor({0.0, 0.0, 0.0, 1.0, 2.0, 3.0}, dtype).view({2, 3});
    const LabelScores scores =
        score_labels(logits, at::eye(3, dtype), at::tensor({1, 0}, at::kLong));
    EXPECT_EQ(scores.losses.scalar_type(), dtype);
    EXPECT_NEAR(scores.losses[0].item<double>(), std::log(3.0), 1e-6);
    EXPECT_NEAR(scores.losses[1].item<double>(),
                std::log(std::exp(1) + std::exp(2) + std::exp(3)) - 1, 1e-6);
    EXPECT_FALSE(scores.correct.any().item<bool>());
  }
}

TEST(ScoreLabels, BFloat16GivesFloat32Losses) {
  const LabelScores scores =
      score_labels(at::zeros({1, 2}, at::kBFloat16), at::zeros({1000, 2}, at::kBFloat16),
                   at::tensor({7}, at::kLong));
  EXPECT_EQ(scores.losses.scalar_type(), at::kFloat);
  EXPECT_NEAR(scores.losses.item<double>(), std::log(1000.0), 1e-5);
}

// More rows than one chunk holds, with a cap that bites: as all logits at once.
TEST(ScoreLabels, SoftCapInChunks) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    const auto random = [&](at::IntArrayRef shape) {
      return at::randn(shape, generator, at::TensorOptions().dtype(dtype));
    };
    const at::Tensor weight = random({1 << 15, 4}), labels = at::arange(300) * 100;
    at::Tensor h = random({300, 4}).requires_grad_(), same = h.detach().clone().requires_grad_();
    const LabelScores scores = score_labels(h, weight, labels, 2);
    const LabelScores plain = plain_score_labels(same, weight, labels, 2);
    scores.losses.sum().backward();
    plain.losses.sum().backward();
    EXPECT_TRUE(at::allclose(scores.losses, plain.losses, 1e-5, 1e-5));
    EXPECT_TRUE(at::equal(scores.correct, plain.correct));
    const at::Tensor difference = (h.grad() - same.grad()).norm() / same.grad().norm();
    EXPECT_LE(difference.item<double>(), dtype == at::kDouble ? 1e-9 : 1e-4);
  }
}

}  // namespace
}  // namespace matlora::nn
