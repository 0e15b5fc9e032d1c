#include "matlora/nn/linear.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "matlora/base/error.h"
#include "tests/support/fixed_change.h"
#include "tests/support/tiny_llama.h"

namespace matlora::nn {
namespace {

using tests::FixedChange;
using tests::random_tensor;
using tests::relative_error;

TEST(Linear, HandComputedWithBiasAndDelta) {
  Linear layer;
  layer.weight = at::tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}).view({3, 2});
  layer.bias = at::tensor({0.5, 0.0, -1.0});
  const at::Tensor x = at::tensor({1.0, -1.0, 2.0, 0.0}).view({2, 2});
  const at::Tensor expected = at::tensor({-0.5, -1.0, -2.0, 2.5, 6.0, 9.0}).view({2, 3});
  EXPECT_TRUE(at::equal(layer.forward(x), expected));
  // x -> (x1 + x2)·(10, 0, -10)
  layer.delta =
      std::make_shared<FixedChange>(at::ones({1, 2}), at::tensor({10.0, 0.0, -10.0}).view({3, 1}));
  const at::Tensor change = at::tensor({0.0, 0.0, 0.0, 20.0, 0.0, -20.0}).view({2, 3});
  EXPECT_TRUE(at::equal(layer.forward(x), expected + change));
}

/// A weight that counts how often it is made.
struct CountedWeight : StoredWeight {
  explicit CountedWeight(at::Tensor weight)
      : StoredWeight(weight.size(0), weight.size(1)), value(std::move(weight)) {}
  at::Tensor load() const override {
    ++loads;
    return value.clone();
  }

  at::Tensor value;
  mutable int loads = 0;
};

TEST(Linear, StoredWeightsGiveTheBitsOfMergedOnes) {
  const c10::NoGradGuard no_grad;
  const at::Tensor x = random_tensor({7, 64}, 1), bias = random_tensor({48}, 2);
  const auto change =
      std::make_shared<FixedChange>(random_tensor({3, 64}, 3), random_tensor({48, 3}, 4));
  const auto stored = std::make_shared<CountedWeight>(random_tensor({48, 64}, 5));
  for (const std::shared_ptr<const Delta>& delta : {std::shared_ptr<const Delta>(change), {}}) {
    const Linear kept{stored->value, bias, delta}, made{{}, bias, delta, stored};
    EXPECT_EQ(made.in(), 64);
    EXPECT_EQ(made.out(), 48);
    const at::Tensor expected = kept.merged().forward(x);
    const int before = stored->loads;
    EXPECT_TRUE(at::equal(made.forward(x), expected));
    EXPECT_EQ(stored->loads, before + 1);
    EXPECT_TRUE(at::equal(made.merged().forward(x), expected));
  }
}

TEST(Linear, GradientsThroughAStoredWeightAreABug) {
  const auto stored = std::make_shared<CountedWeight>(random_tensor({4, 6}, 1));
  const Linear layer{{}, {}, nullptr, stored};
  EXPECT_THROW(layer.forward(random_tensor({2, 6}, 2)), BugError);
}

/// Three layers on one x in float64: one with a change of rank 2, one without and with a bias, one
/// with a change of rank 3.
struct Group {
  at::Tensor x = random_tensor({7, 6}, 1, at::kDouble);
  at::Tensor down1 = random_tensor({2, 6}, 2, at::kDouble),
             up1 = random_tensor({5, 2}, 3, at::kDouble);
  at::Tensor down2 = random_tensor({3, 6}, 4, at::kDouble),
             up2 = random_tensor({8, 3}, 5, at::kDouble);
  Linear layers[3];
  std::vector<at::Tensor> dy;
  at::Tensor mask;  // [7, 3] or undefined

  Group() {
    const int64_t outs[] = {5, 4, 8};
    for (size_t i = 0; i < 3; ++i) {
      layers[i].weight = random_tensor({outs[i], 6}, 10 + i, at::kDouble);
      dy.push_back(random_tensor({7, outs[i]}, 20 + i, at::kDouble));
    }
    layers[1].bias = random_tensor({4}, 30, at::kDouble);
    for (at::Tensor* leaf : leaves()) leaf->requires_grad_();
    layers[0].delta = std::make_shared<FixedChange>(down1, up1);
    layers[2].delta = std::make_shared<FixedChange>(down2, up2);
  }

  std::vector<at::Tensor*> leaves() { return {&x, &down1, &up1, &down2, &up2}; }
  std::vector<at::Tensor> inputs() const { return {x, down1, up1, down2, up2}; }

  std::vector<at::Tensor> outputs() const {
    const Linear* const all[] = {&layers[0], &layers[1], &layers[2]};
    return forward_all(all, x, {.mask = mask});
  }
  std::vector<at::Tensor> plain_outputs() const {
    const auto change = [&](const at::Tensor& down, const at::Tensor& up) {
      const at::Tensor low = x.matmul(down.t());
      return (mask.defined() ? low * mask.narrow(1, 0, low.size(1)) : low).matmul(up.t());
    };
    return {x.matmul(layers[0].weight.t()) + change(down1, up1),
            x.matmul(layers[1].weight.t()) + layers[1].bias,
            x.matmul(layers[2].weight.t()) + change(down2, up2)};
  }
};

TEST(ForwardAll, EqualsEachLayerAloneAndThePlainProducts) {
  const Group group;
  const auto together = group.outputs(), plain = group.plain_outputs();
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_LT(relative_error(together[i], plain[i]), 1e-14) << i;
    EXPECT_LT(relative_error(group.layers[i].forward(group.x), plain[i]), 1e-14) << i;
  }
}

TEST(ForwardAll, GradientsEqualThePlainProducts) {
  const Group group;
  const auto own = torch::autograd::grad(group.outputs(), group.inputs(), group.dy);
  const auto plain = torch::autograd::grad(group.plain_outputs(), group.inputs(), group.dy);
  ASSERT_EQ(own.size(), plain.size());
  for (size_t i = 0; i < own.size(); ++i) EXPECT_LT(relative_error(own[i], plain[i]), 1e-14) << i;
}

// Rows that use none, some and all of the directions.
TEST(ForwardAll, AMaskOfEachRowEqualsThePlainProducts) {
  Group group;
  const at::Tensor ranks = at::tensor({3, 0, 1, 2, 3, 2, 1}, at::kLong).unsqueeze(1);
  group.mask = (at::arange(3, at::kLong).unsqueeze(0) < ranks).to(at::kDouble);
  const auto outputs = group.outputs(), expected = group.plain_outputs();
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_LT(relative_error(outputs[i], expected[i]), 1e-14) << i;
    EXPECT_LT(relative_error(group.layers[i].forward(group.x, {.mask = group.mask}), expected[i]),
              1e-14);
  }
  const auto own = torch::autograd::grad(outputs, group.inputs(), group.dy);
  const auto plain = torch::autograd::grad(expected, group.inputs(), group.dy);
  for (size_t i = 0; i < own.size(); ++i) EXPECT_LT(relative_error(own[i], plain[i]), 1e-14) << i;
}

TEST(ForwardAll, AnUnusedOutputAndAnInputWithoutGradient) {
  Group group;
  group.x = group.x.detach();
  const std::vector<at::Tensor> leaves = {group.down1, group.up1};
  const auto own = torch::autograd::grad({group.outputs()[0]}, leaves, {group.dy[0]});
  const auto plain = torch::autograd::grad({group.plain_outputs()[0]}, leaves, {group.dy[0]});
  for (size_t i = 0; i < own.size(); ++i) EXPECT_LT(relative_error(own[i], plain[i]), 1e-14) << i;
}

TEST(ForwardAll, WithoutGradientsNothingIsKept) {
  const Group group;
  const c10::NoGradGuard no_grad;
  for (const at::Tensor& y : group.outputs()) EXPECT_FALSE(y.requires_grad());
}

TEST(MergeDeltas, EqualsTheLayersWithTheirDeltas) {
  nn::Decoder model = tests::tiny_llama();
  const at::Tensor bare = model.layers[0].qkv[0].linear.weight;
  for_each_linear(model, [&](const std::string& name, Linear& layer) {
    if (name.ends_with("o_proj")) return;  // not every layer has one
    layer.delta = std::make_shared<FixedChange>(random_tensor({3, layer.in()}, 50),
                                                random_tensor({layer.out(), 3}, 51));
  });
  nn::Decoder merged = model;
  merge_deltas(merged);
  const c10::NoGradGuard no_grad;
  const at::Tensor tokens = tests::random_tokens(9);
  const std::vector<int64_t> lengths = {9};
  const at::Tensor h = model.hidden(tokens, lengths);
  EXPECT_LT(relative_error(merged.hidden(tokens, lengths), h), 1e-5);
  for_each_linear(merged, [](const std::string&, Linear& layer) { EXPECT_FALSE(layer.delta); });
  EXPECT_TRUE(model.layers[0].qkv[0].linear.weight.is_same(bare));  // the copy shares it no longer
  EXPECT_TRUE(merged.layers[0].o.linear.weight.is_same(model.layers[0].o.linear.weight));
}

// Beside a weight of 8 bits most of a change would be lost.
TEST(MergeDeltas, LeavesBfloat16Alone) {
  nn::Decoder model = tests::tiny_llama({}, at::kBFloat16);
  Linear& layer = model.layers[0].qkv[0].linear;
  layer.delta = std::make_shared<FixedChange>(random_tensor({3, layer.in()}, 1),
                                              random_tensor({layer.out(), 3}, 2));
  merge_deltas(model);
  EXPECT_TRUE(layer.delta);
}

}  // namespace
}  // namespace matlora::nn
