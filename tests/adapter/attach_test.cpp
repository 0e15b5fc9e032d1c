#include "matlora/adapter/attach.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "matlora/adapter/bank.h"
#include "matlora/base/error.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_llama.h"

namespace matlora::adapter {
namespace {

using tests::expect_has;
using tests::user_error;

std::vector<LayerAdapter> make(nn::Decoder& model, std::vector<std::string> targets, int64_t rank,
                               Init init = Init::paper, uint64_t seed = 42) {
  return new_layers(model, targets, rank, init, seed);
}

Adapter random_adapter(nn::Decoder& model, int64_t rank) {
  Adapter adapter;
  adapter.rule.rank = rank;
  adapter.rule.train_ranks = powers_of_two(rank);
  adapter.layers = make(model, {"all-linear"}, rank);
  uint64_t seed = 100;
  for (LayerAdapter& layer : adapter.layers)
    layer.b = tests::random_tensor(layer.b.sizes(), ++seed);
  return adapter;
}

TEST(NewLayers, ShapesAndTargets) {
  nn::Decoder model = tests::tiny_llama();
  const auto layers = make(model, {"k_proj", "down_proj"}, 3);
  ASSERT_EQ(layers.size(), 4u);
  EXPECT_EQ(layers[0].layer, "model.layers.0.self_attn.k_proj");
  EXPECT_EQ(layers[0].a.sizes(), (std::vector<int64_t>{3, 16}));
  EXPECT_EQ(layers[0].b.sizes(), (std::vector<int64_t>{8, 3}));
  EXPECT_EQ(layers[1].a.sizes(), (std::vector<int64_t>{3, 24}));
  EXPECT_EQ(layers[0].b.abs().max().item<float>(), 0);
  EXPECT_EQ(make(model, {"all-linear"}, 2).size(), 14u);
}

TEST(NewLayers, TheSeedDecides) {
  nn::Decoder model = tests::tiny_llama();
  const auto one = make(model, {"all-linear"}, 4), same = make(model, {"all-linear"}, 4);
  const auto other = make(model, {"all-linear"}, 4, Init::paper, 43);
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_TRUE(at::equal(one[i].a, same[i].a));
    EXPECT_FALSE(at::equal(one[i].a, other[i].a));
  }
  EXPECT_FALSE(at::equal(one[0].a, one[7].a));        // the same module of another layer
  EXPECT_FALSE(at::equal(one[0].a[0], one[0].a[1]));  // directions differ
}

TEST(NewLayers, BoundsOfBothInits) {
  nn::Decoder model = tests::tiny_llama();
  for (const Init init : {Init::paper, Init::kaiming}) {
    for (const LayerAdapter& layer : make(model, {"all-linear"}, 4, init)) {
      const double fan_in = init == Init::paper ? 4.0 : static_cast<double>(layer.a.size(1));
      const double bound = 1 / std::sqrt(fan_in), largest = layer.a.abs().max().item<double>();
      EXPECT_LE(largest, bound);
      EXPECT_GT(largest, 0.85 * bound);
      EXPECT_NEAR(layer.a.mean().item<double>(), 0, 0.35 * bound);
    }
  }
}

TEST(NewLayers, UnknownModuleNamesTheNearest) {
  nn::Decoder model = tests::tiny_llama();
  const std::string message = user_error([&] { make(model, {"q_proj", "dwn_proj"}, 2); });
  expect_has(message, "--target-modules: ");
  expect_has(message, "'dwn_proj'");
  expect_has(message, "did you mean 'down_proj'?");
  user_error([&] { make(model, {}, 2); });
}

TEST(NewLayers, RankAboveTheSmallerSide) {
  nn::Decoder model = tests::tiny_llama();  // k_proj is 16 -> 8
  EXPECT_EQ(make(model, {"k_proj"}, 8).size(), 2u);
  const std::string message = user_error([&] { make(model, {"k_proj"}, 9); });
  expect_has(message, "--rank: ");
  expect_has(message, "k_proj");
  expect_has(message, "1..8, got 9");
}

TEST(WithAdapter, RankZeroIsTheBaseAndEveryRankDiffers) {
  nn::Decoder model = tests::tiny_llama();
  const at::Tensor tokens = tests::random_tokens(6);
  const std::vector<int64_t> length = {6};
  const at::Tensor base = model.hidden(tokens, length);
  const Adapter adapter = random_adapter(model, 4);
  const auto hidden = [&](int64_t k) {
    return with_adapter(model, adapter, k, InferenceGate::paper).hidden(tokens, length);
  };
  at::Tensor last = base;
  for (int64_t k = 1; k <= 4; ++k) {
    const at::Tensor now = hidden(k);
    EXPECT_GT(tests::relative_error(now, last), 1e-3) << k;
    last = now;
  }
  EXPECT_TRUE(at::equal(hidden(0), base));
  EXPECT_TRUE(at::equal(model.hidden(tokens, length), base));
  expect_has(user_error([&] { hidden(5); }), "adapter: rank 5 is outside 0..4");
}

// What rank k computes is a linear layer with the weight W + s(k) B_:k A_:k.
TEST(WithAdapter, EqualsTheMergedWeights) {
  nn::Decoder model = tests::tiny_llama({}, at::kDouble),
              merged = tests::tiny_llama({}, at::kDouble);
  Adapter adapter = random_adapter(model, 4);
  adapter.rule.scaling = Scaling::rank;
  const nn::Decoder at_two = with_adapter(model, adapter, 2, InferenceGate::paper);
  size_t i = 0;
  nn::for_each_linear(merged, [&](const std::string&, nn::Linear& layer) {
    const LayerAdapter& own = adapter.layers[i++];
    const at::Tensor update = own.b.narrow(1, 0, 2).matmul(own.a.narrow(0, 0, 2));
    layer.weight = layer.weight + 0.5 * update.to(at::kDouble);
  });
  const at::Tensor tokens = tests::random_tokens(6);
  const std::vector<int64_t> length = {6};
  EXPECT_LT(tests::relative_error(at_two.hidden(tokens, length), merged.hidden(tokens, length)),
            1e-5);
}

TEST(Adapter, Parameters) {
  nn::Decoder model = tests::tiny_llama();
  Adapter adapter;
  adapter.layers = make(model, {"k_proj"}, 4);
  EXPECT_EQ(adapter.parameters(0), 0);
  EXPECT_EQ(adapter.parameters(3), 2 * 3 * (16 + 8));
  EXPECT_EQ(adapter.parameters({3, {{"model.layers.1.self_attn.k_proj", 1}}}), 4 * (16 + 8));
}

TEST(CheckFits, AnotherModelsLayersAreAnError) {
  nn::Decoder model = tests::tiny_llama();
  Adapter adapter;
  adapter.layers = {{"model.layers.7.self_attn.q_proj", at::zeros({2, 16}), at::zeros({16, 2})}};
  expect_has(user_error([&] { check_fits(model, adapter, "dir"); }),
             "dir: the model has no layer 'model.layers.7.self_attn.q_proj'");
  adapter.layers = {{"model.layers.0.self_attn.q_proj", at::zeros({2, 15}), at::zeros({16, 2})}};
  expect_has(user_error([&] { check_fits(model, adapter, "dir"); }),
             "15 -> 16, the model's is 16 -> 16");
}

}  // namespace
}  // namespace matlora::adapter
