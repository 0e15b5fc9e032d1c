#include "matlora/train/adamw.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "matlora/base/error.h"
#include "tests/support/tiny_llama.h"

namespace matlora::train {
namespace {

using tests::random_tensor;

std::vector<at::Tensor> some_parameters() {
  return {random_tensor({3, 4}, 1).requires_grad_(), random_tensor({5}, 2).requires_grad_()};
}

void set_gradients(std::vector<at::Tensor>& parameters, uint64_t seed) {
  for (at::Tensor& p : parameters) p.mutable_grad() = random_tensor(p.sizes(), ++seed);
}

std::vector<double> numbers(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kDouble).flatten().contiguous();
  const double* data = flat.const_data_ptr<double>();
  return {data, data + flat.numel()};
}

TEST(AdamW, ThreeStepsByTheFormula) {
  constexpr double kDecay = 0.1;
  std::vector<at::Tensor> parameters = some_parameters();
  AdamW optimizer(parameters, kDecay);
  std::vector<std::vector<double>> p, m, v;
  for (const at::Tensor& tensor : parameters) {
    p.push_back(numbers(tensor));
    m.emplace_back(p.back().size(), 0.0);
    v.emplace_back(p.back().size(), 0.0);
  }
  const std::vector<double> rates = {0.1, 0.05, 0.02};
  for (int t = 1; t <= 3; ++t) {
    const double lr = rates[static_cast<size_t>(t - 1)];
    set_gradients(parameters, static_cast<uint64_t>(10 * t));
    for (size_t i = 0; i < p.size(); ++i) {
      const std::vector<double> g = numbers(parameters[i].grad());
      for (size_t j = 0; j < g.size(); ++j) {
        p[i][j] -= lr * kDecay * p[i][j];
        m[i][j] = 0.9 * m[i][j] + 0.1 * g[j];
        v[i][j] = 0.999 * v[i][j] + 0.001 * g[j] * g[j];
        const double first = m[i][j] / (1 - std::pow(0.9, t));
        const double second = v[i][j] / (1 - std::pow(0.999, t));
        p[i][j] -= lr * first / (std::sqrt(second) + 1e-8);
      }
    }
    optimizer.step(lr);
    for (size_t i = 0; i < p.size(); ++i) {
      EXPECT_FALSE(parameters[i].grad().defined());
      const std::vector<double> actual = numbers(parameters[i]);
      for (size_t j = 0; j < actual.size(); ++j) EXPECT_NEAR(actual[j], p[i][j], 2e-6) << t;
    }
  }
  EXPECT_NEAR(numbers(optimizer.first_moments()[1])[0], m[1][0], 1e-6);
  EXPECT_NEAR(numbers(optimizer.second_moments()[1])[0], v[1][0], 1e-6);
}

TEST(AdamW, NoGradientIsAZeroGradient) {
  std::vector<at::Tensor> parameters = some_parameters();
  const at::Tensor before = parameters[0].detach().clone();
  AdamW optimizer(parameters, 0);
  EXPECT_EQ(optimizer.clip_gradients(1), 0);
  optimizer.step(0.1);
  EXPECT_TRUE(at::equal(parameters[0].detach(), before));
}

TEST(AdamW, ClipScalesToTheCommonNorm) {
  std::vector<at::Tensor> parameters = {at::zeros({2}).requires_grad_(),
                                        at::zeros({1}).requires_grad_()};
  AdamW optimizer(parameters, 0);
  const auto fill = [&] {
    parameters[0].mutable_grad() = at::tensor({2.0f, 3.0f});
    parameters[1].mutable_grad() = at::tensor({6.0f});  // the norm is 7
  };
  fill();
  EXPECT_NEAR(optimizer.clip_gradients(3.5), 7, 1e-6);
  EXPECT_NEAR(numbers(parameters[0].grad())[0], 1, 1e-6);
  EXPECT_NEAR(numbers(parameters[0].grad())[1], 1.5, 1e-6);
  EXPECT_NEAR(numbers(parameters[1].grad())[0], 3, 1e-6);
  for (const double limit : {0.0, 8.0}) {
    fill();
    EXPECT_NEAR(optimizer.clip_gradients(limit), 7, 1e-6);
    EXPECT_EQ(numbers(parameters[0].grad()), (std::vector<double>{2, 3}));
    EXPECT_EQ(numbers(parameters[1].grad()), (std::vector<double>{6}));
  }
}

TEST(AdamW, RestoreGoesOnToTheBit) {
  std::vector<at::Tensor> parameters = some_parameters();
  AdamW optimizer(parameters, 0.01);
  set_gradients(parameters, 20);
  optimizer.step(0.1);
  std::vector<at::Tensor> copies;
  for (const at::Tensor& p : parameters) copies.push_back(p.detach().clone().requires_grad_());
  AdamW other(copies, 0.01);
  other.restore(optimizer.first_moments(), optimizer.second_moments(), 1);
  set_gradients(parameters, 30);
  set_gradients(copies, 30);
  optimizer.step(0.1);
  other.step(0.1);
  for (size_t i = 0; i < copies.size(); ++i) {
    EXPECT_TRUE(at::equal(copies[i].detach(), parameters[i].detach()));
  }
  EXPECT_THROW(other.restore({}, {}, 1), BugError);
}

}  // namespace
}  // namespace matlora::train
