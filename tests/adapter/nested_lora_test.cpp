#include "matlora/adapter/nested_lora.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "matlora/adapter/gate.h"
#include "matlora/base/error.h"
#include "matlora/nn/linear.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_llama.h"

namespace matlora::adapter {
namespace {

using tests::random_tensor;
using tests::relative_error;

/// A linear layer with the adapter on it.
at::Tensor adapted(const at::Tensor& w, const at::Tensor& a, const at::Tensor& b,
                   const std::shared_ptr<const Gate>& gate, const at::Tensor& x) {
  return nn::Linear{w, {}, std::make_shared<NestedLora>(a, b, gate)}.forward(x);
}

// R = 4, in = 6, out = 5, N = 7, in float64; gates that float32 holds exactly.
struct Case {
  at::Tensor x = random_tensor({7, 6}, 1, at::kDouble), w = random_tensor({5, 6}, 2, at::kDouble);
  at::Tensor a = random_tensor({4, 6}, 3, at::kDouble), b = random_tensor({5, 4}, 4, at::kDouble);
  at::Tensor dy = random_tensor({7, 5}, 5, at::kDouble);
  std::vector<double> gate = {1.75, 0.75, 0.25, -0.5};

  at::Tensor output() const {
    const auto shared = std::make_shared<Gate>();
    shared->set(gate, at::kCPU);
    return adapted(w, a, b, shared, x);
  }
  double objective() const { return (output() * dy).sum().item<double>(); }
};

TEST(NestedLora, IsTheSumOverItsDirections) {
  const Case c;
  at::Tensor expected = c.x.matmul(c.w.t());
  for (int64_t i = 0; i < 4; ++i) {
    const at::Tensor h = c.x.matmul(c.a[i]);  // [N]
    expected += c.gate[static_cast<size_t>(i)] * at::outer(h, c.b.select(1, i));
  }
  EXPECT_LT(relative_error(c.output(), expected), 1e-14);
}

TEST(NestedLora, AShortGateCutsAndAnEmptyOneIsOff) {
  Case c;
  const at::Tensor y = c.x.matmul(c.w.t());
  c.gate = {0.5, 0.5};
  const at::Tensor two = c.x.matmul(c.a.narrow(0, 0, 2).t()).matmul(c.b.narrow(1, 0, 2).t());
  EXPECT_LT(relative_error(c.output(), y + 0.5 * two), 1e-14);
  c.gate = {};
  EXPECT_TRUE(at::equal(c.output(), y));
  // A layer of fewer directions than the gate has all of its own.
  c.gate = {0.5, 0.5, 0.5, 0.5, 7};
  const at::Tensor four = c.x.matmul(c.a.t()).matmul(c.b.t());
  EXPECT_LT(relative_error(c.output(), y + 0.5 * four), 1e-14);
}

// dB = dyᵀ (h ∘ g), dA = ((dy B) ∘ g)ᵀ x, dx = dy W + ((dy B) ∘ g) A
TEST(NestedLora, GradientsFollowTheFormula) {
  Case c;
  for (at::Tensor* t : {&c.x, &c.a, &c.b}) t->requires_grad_();
  const auto grads = torch::autograd::grad({c.output()}, {c.x, c.a, c.b}, {c.dy});
  const at::NoGradGuard no_grad;
  const at::Tensor g = at::tensor(c.gate, at::kDouble);
  const at::Tensor dh = c.dy.matmul(c.b) * g;  // [N, R]
  EXPECT_LT(relative_error(grads[0], c.dy.matmul(c.w) + dh.matmul(c.a)), 1e-14);
  EXPECT_LT(relative_error(grads[1], dh.t().matmul(c.x)), 1e-14);
  EXPECT_LT(relative_error(grads[2], c.dy.t().matmul(c.x.matmul(c.a.t()) * g)), 1e-14);
}

TEST(NestedLora, GradientsAgreeWithFiniteDifferences) {
  Case c;
  for (at::Tensor* t : {&c.x, &c.a, &c.b}) t->requires_grad_();
  const auto grads = torch::autograd::grad({c.output()}, {c.x, c.a, c.b}, {c.dy});
  const at::NoGradGuard no_grad;
  const double step = 1e-3;  // the objective is quadratic at most in each: no truncation error
  size_t which = 0;
  for (at::Tensor* t : {&c.x, &c.a, &c.b}) {
    const at::Tensor flat = t->view({-1});
    const at::Tensor grad = grads[which++].contiguous().view({-1});
    for (int64_t i = 0; i < flat.numel(); ++i) {
      flat[i] += step;
      const double above = c.objective();
      flat[i] -= 2 * step;
      const double below = c.objective();
      flat[i] += step;
      EXPECT_NEAR(grad[i].item<double>(), (above - below) / (2 * step), 1e-9) << which << " " << i;
    }
  }
}

// The folded form and the layers that use it against the definition; bounds are a few roundings.
TEST(NestedLora, FoldedFormIsThePlainDelta) {
  for (const auto& [dtype, bound] : {std::pair(at::kFloat, 1e-6), {at::kDouble, 1e-14}}) {
    const Case c;
    const auto shared = std::make_shared<Gate>();
    shared->set(c.gate, at::kCPU);
    const auto leaves = [&, dtype = dtype] {
      std::vector<at::Tensor> xab;
      for (const at::Tensor& t : {c.x, c.a, c.b}) {
        xab.push_back(t.to(dtype).clone().requires_grad_());
      }
      return xab;
    };
    const std::vector<at::Tensor> plain = leaves(), folded = leaves(), layer = leaves();
    const at::Tensor dy = c.dy.to(dtype), w = c.w.to(dtype);
    const at::Tensor delta =
        plain_delta(plain[0], plain[1], plain[2], shared->values().to(dtype));  // [N, out]
    const NestedLora lora(folded[1], folded[2], shared);
    const nn::LowRank factors = lora.factors(nn::kFirstVariant, dtype);
    const at::Tensor product = at::linear(at::linear(folded[0], factors.down), factors.up);
    const at::Tensor y = adapted(w, layer[1], layer[2], shared, layer[0]);
    EXPECT_EQ(product.scalar_type(), dtype);
    EXPECT_LT(relative_error(product, delta), bound);
    EXPECT_LT(relative_error(y - at::linear(layer[0], w), delta), bound);
    const auto expected = torch::autograd::grad({delta}, plain, {dy});
    const auto of_factors = torch::autograd::grad({product}, folded, {dy});
    auto of_layer = torch::autograd::grad({y}, layer, {dy});
    of_layer[0] = of_layer[0] - dy.matmul(w);  // the base's share of dx
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_LT(relative_error(of_factors[i], expected[i]), bound) << dtype << " " << i;
      EXPECT_LT(relative_error(of_layer[i], expected[i]), bound) << dtype << " " << i;
    }
  }
}

// A gate for each row of a batch: [batch, 1, R].
TEST(NestedLora, PlainDeltaTakesAGatePerSequence) {
  const Case c;
  const at::Tensor x = random_tensor({2, 3, 6}, 9, at::kDouble);
  const at::Tensor gates = random_tensor({2, 1, 4}, 10, at::kDouble);
  const at::Tensor both = plain_delta(x, c.a, c.b, gates);
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_LT(relative_error(both[i], plain_delta(x[i], c.a, c.b, gates[i][0])), 1e-14);
  }
}

TEST(NestedLora, MatricesKeepFloat32GradientsUnderABFloat16Model) {
  Case c;
  c.a = c.a.to(at::kFloat).requires_grad_();
  c.b = c.b.to(at::kFloat).requires_grad_();
  c.x = c.x.to(at::kBFloat16);
  c.w = c.w.to(at::kBFloat16);
  const at::Tensor out = c.output();
  EXPECT_EQ(out.scalar_type(), at::kBFloat16);
  const auto grads = torch::autograd::grad({out}, {c.a, c.b}, {c.dy.to(at::kBFloat16)});
  EXPECT_EQ(grads[0].scalar_type(), at::kFloat);
  EXPECT_EQ(grads[1].scalar_type(), at::kFloat);
}

// Outside of training factors are kept; whatever they came from is seen when it changes.
TEST(NestedLora, KeptFactorsFollowGateMatricesAndDType) {
  const Case c;
  const at::Tensor a = c.a.to(at::kFloat), b = c.b.to(at::kFloat);
  const auto gate = std::make_shared<Gate>();
  const NestedLora lora(a, b, gate);
  const auto expect_now = [&](at::ScalarType dtype) {
    const int64_t w = gate->width();
    const nn::LowRank kept = lora.factors(nn::kFirstVariant, dtype);
    EXPECT_TRUE(
        at::equal(kept.down, (a.detach().narrow(0, 0, w) * gate->values().unsqueeze(1)).to(dtype)));
    EXPECT_TRUE(at::equal(kept.up, b.detach().narrow(1, 0, w).to(dtype)));
    EXPECT_TRUE(lora.factors(nn::kFirstVariant, dtype).down.is_same(kept.down));
  };
  gate->set(std::vector<double>{1, 2, 3}, at::kCPU);
  expect_now(at::kFloat);
  expect_now(at::kBFloat16);
  gate->set(std::vector<double>{2, 1, 3}, at::kCPU);  // of the same width
  expect_now(at::kBFloat16);
  gate->set(std::vector<double>{2}, at::kCPU);
  expect_now(at::kBFloat16);
  b.mul_(3);
  expect_now(at::kBFloat16);
  a.select(0, 0).fill_(0.5);  // through a view
  expect_now(at::kBFloat16);
  gate->set({}, at::kCPU);
  EXPECT_FALSE(lora.factors(nn::kFirstVariant, at::kFloat).defined());
}

// A fused optimizer counts no versions.
TEST(NestedLora, FactorsInTrainingAreNeverKept) {
  const Case c;
  const at::Tensor a = c.a.to(at::kFloat).requires_grad_(), b = c.b.to(at::kFloat).requires_grad_();
  const auto gate = std::make_shared<Gate>();
  gate->set(c.gate, at::kCPU);
  const NestedLora lora(a, b, gate);
  EXPECT_TRUE(lora.factors(nn::kFirstVariant, at::kFloat).down.requires_grad());
  const at::NoGradGuard no_grad;
  const at::Tensor before = lora.factors(nn::kFirstVariant, at::kBFloat16).up;
  b.mutable_data_ptr<float>()[0] += 5;
  EXPECT_TRUE(at::equal(lora.factors(nn::kFirstVariant, at::kBFloat16).up, b.to(at::kBFloat16)));
  EXPECT_FALSE(at::equal(lora.factors(nn::kFirstVariant, at::kBFloat16).up, before));
}

TEST(NestedLora, RanksOfAAndBMustAgree) {
  EXPECT_THROW(NestedLora(at::zeros({3, 6}), at::zeros({5, 4}), std::make_shared<Gate>()),
               BugError);
}

// tools/golden/nested_lora.py: Algorithm 1 as a loop over the training ranks, in float64. What is
// left is the float32 rounding of the gate.
class NestedLoraGolden : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto path = tests::golden_path("nested_lora.safetensors");
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
    golden_ = std::make_unique<tests::Golden>(path);
    set_ = GetParam() + ".";
    const at::Tensor ranks = get("train_ranks");
    rule_.rank = (*golden_)["R"].item<int64_t>();
    rule_.train_ranks.assign(ranks.const_data_ptr<int64_t>(),
                             ranks.const_data_ptr<int64_t>() + ranks.numel());
  }

  at::Tensor get(const std::string& name) const { return (*golden_)[set_ + name]; }
  at::Tensor rows(const std::string& name) const { return get(name).flatten(0, 1).clone(); }

  std::unique_ptr<tests::Golden> golden_;
  std::string set_;
  GateRule rule_;
};

TEST_P(NestedLoraGolden, ForwardAndBackward) {
  for (const Mask mask : {Mask::diag, Mask::binary}) {
    for (const Scaling scaling : {Scaling::none, Scaling::rank, Scaling::sqrt}) {
      rule_.mask = mask;
      rule_.scaling = scaling;
      const std::string prefix = std::string(name(mask)) + "." + name(scaling) + ".";
      const std::vector<double> gate = training_gate(rule_);
      EXPECT_TRUE(at::allclose(at::tensor(gate, at::kDouble), get(prefix + "gate"), 1e-14, 1e-14));
      const auto shared = std::make_shared<Gate>();
      shared->set(gate, at::kCPU);
      const at::Tensor x = rows("x").requires_grad_();
      const at::Tensor a = get("A").clone().requires_grad_();
      const at::Tensor b = get("B").clone().requires_grad_();
      const at::Tensor y = adapted(get("W"), a, b, shared, x);
      const auto grads = torch::autograd::grad({y}, {x, a, b}, {rows("dy")});
      EXPECT_LT(relative_error(y, rows(prefix + "y")), 1e-6) << prefix;
      EXPECT_LT(relative_error(grads[0], rows(prefix + "dx")), 1e-6) << prefix;
      EXPECT_LT(relative_error(grads[1], get(prefix + "dA")), 1e-6) << prefix;
      EXPECT_LT(relative_error(grads[2], get(prefix + "dB")), 1e-6) << prefix;
    }
  }
}

TEST_P(NestedLoraGolden, EveryRankAtInference) {
  for (const Scaling scaling : {Scaling::none, Scaling::rank, Scaling::sqrt}) {
    rule_.scaling = scaling;
    for (int64_t k = 0; k <= rule_.rank; ++k) {
      const auto shared = std::make_shared<Gate>();
      if (k > 0) shared->set(inference_gate(rule_, k, InferenceGate::paper), at::kCPU);
      const at::Tensor y = adapted(get("W"), get("A"), get("B"), shared, rows("x"));
      const std::string key = std::string(name(scaling)) + ".rank_" + std::to_string(k) + ".y";
      EXPECT_LT(relative_error(y, rows(key)), 1e-6) << key;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, NestedLoraGolden, ::testing::Values("powers", "irregular"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace matlora::adapter
