#include "matlora/train/optimizer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/train/clip.h"
#include "tests/support/temp_dir.h"
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

std::unique_ptr<Optimizer> make(const std::string& name, const std::vector<at::Tensor>& parameters,
                                double weight_decay = 0) {
  return optimizer_named(name, "test").make(parameters, {weight_decay});
}

std::vector<double> numbers(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kDouble).flatten().contiguous();
  const double* data = flat.const_data_ptr<double>();
  return {data, data + flat.numel()};
}

TEST(AdamW, ThreeStepsByTheFormula) {
  constexpr double kDecay = 0.1;
  std::vector<at::Tensor> parameters = some_parameters();
  const auto optimizer = make("adamw", parameters, kDecay);
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
    optimizer->step(lr);
    for (size_t i = 0; i < p.size(); ++i) {
      EXPECT_FALSE(parameters[i].grad().defined());
      const std::vector<double> actual = numbers(parameters[i]);
      for (size_t j = 0; j < actual.size(); ++j) EXPECT_NEAR(actual[j], p[i][j], 2e-6) << t;
    }
  }
  const std::vector<OptimizerState> state = optimizer->state();
  ASSERT_EQ(state.size(), 2u);
  EXPECT_EQ(state[0].name, "first_moment");
  EXPECT_EQ(state[1].name, "second_moment");
  EXPECT_NEAR(numbers(state[0].values[1])[0], m[1][0], 1e-6);
  EXPECT_NEAR(numbers(state[1].values[1])[0], v[1][0], 1e-6);
}

// torch.optim.SGD's order of operations, so equal to the bit: g + weight_decay·p, then p - lr·g.
TEST(Sgd, StepsByTheFormula) {
  for (const double decay : {0.0, 0.1}) {
    std::vector<at::Tensor> parameters = some_parameters();
    const auto optimizer = make("sgd", parameters, decay);
    for (const double lr : {0.1, 0.05}) {
      set_gradients(parameters, static_cast<uint64_t>(1000 * lr));
      std::vector<at::Tensor> expected;
      for (const at::Tensor& p : parameters) {
        const at::Tensor g = decay == 0 ? p.grad() : p.grad().add(p.detach(), decay);
        expected.push_back(p.detach().add(g, -lr));
      }
      optimizer->step(lr);
      for (size_t i = 0; i < parameters.size(); ++i) {
        EXPECT_FALSE(parameters[i].grad().defined());
        EXPECT_TRUE(at::equal(parameters[i].detach(), expected[i])) << decay << " " << lr;
      }
    }
    EXPECT_TRUE(optimizer->state().empty());
  }
}

TEST(Optimizers, TheTableGivesNamesAndRefusesOthers) {
  ASSERT_FALSE(optimizers().empty());
  EXPECT_EQ(std::string(optimizers()[0].name), "adamw");
  for (const OptimizerKind& kind : optimizers()) {
    EXPECT_EQ(std::string(make(kind.name, some_parameters())->name()), kind.name);
  }
  tests::expect_has(tests::user_error([] { optimizer_named("lion", "--optimizer"); }),
                    "--optimizer: unknown value 'lion'; expected adamw|sgd");
}

TEST(Optimizers, NoGradientIsAZeroGradient) {
  for (const OptimizerKind& kind : optimizers()) {
    const std::vector<at::Tensor> parameters = some_parameters();
    const at::Tensor before = parameters[0].detach().clone();
    const auto optimizer = make(kind.name, parameters);
    EXPECT_EQ(clip_gradients(parameters, 1), 0);
    optimizer->step(0.1);
    EXPECT_TRUE(at::equal(parameters[0].detach(), before)) << kind.name;
  }
}

TEST(Optimizers, RestoreContinuesToTheBit) {
  for (const OptimizerKind& kind : optimizers()) {
    std::vector<at::Tensor> parameters = some_parameters();
    const auto optimizer = make(kind.name, parameters, 0.01);
    set_gradients(parameters, 20);
    optimizer->step(0.1);
    std::vector<at::Tensor> copies;
    for (const at::Tensor& p : parameters) copies.push_back(p.detach().clone().requires_grad_());
    const auto other = make(kind.name, copies, 0.01);
    other->restore(optimizer->state(), 1);
    set_gradients(parameters, 30);
    set_gradients(copies, 30);
    optimizer->step(0.1);
    other->step(0.1);
    for (size_t i = 0; i < copies.size(); ++i) {
      EXPECT_TRUE(at::equal(copies[i].detach(), parameters[i].detach())) << kind.name;
    }
    EXPECT_THROW(other->restore({{"velocity", parameters}}, 1), BugError);
  }
}

TEST(Clip, ScalesToTheCommonNorm) {
  const std::vector<at::Tensor> parameters = {at::zeros({2}).requires_grad_(),
                                              at::zeros({1}).requires_grad_()};
  const auto fill = [&] {
    parameters[0].mutable_grad() = at::tensor({2.0f, 3.0f});
    parameters[1].mutable_grad() = at::tensor({6.0f});  // the norm is 7
  };
  fill();
  EXPECT_NEAR(clip_gradients(parameters, 3.5), 7, 1e-6);
  EXPECT_NEAR(numbers(parameters[0].grad())[0], 1, 1e-6);
  EXPECT_NEAR(numbers(parameters[0].grad())[1], 1.5, 1e-6);
  EXPECT_NEAR(numbers(parameters[1].grad())[0], 3, 1e-6);
  for (const double limit : {0.0, 8.0}) {
    fill();
    EXPECT_NEAR(clip_gradients(parameters, limit), 7, 1e-6);
    EXPECT_EQ(numbers(parameters[0].grad()), (std::vector<double>{2, 3}));
    EXPECT_EQ(numbers(parameters[1].grad()), (std::vector<double>{6}));
  }
}

}  // namespace
}  // namespace matlora::train
