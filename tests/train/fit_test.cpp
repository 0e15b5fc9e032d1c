#include "matlora/train/fit.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <numeric>

#include "matlora/adapter/bank.h"
#include "matlora/adapter/compress.h"
#include "matlora/data/packing.h"
#include "tests/support/tiny_run.h"

namespace matlora::train {
namespace {

/// An ordered adapter of rank 3 whose layers have rank 3, but the first one 1.
adapter::Adapter ordered(nn::Decoder& model) {
  const std::vector<std::string> targets = {"q_proj", "down_proj"};
  auto layers = adapter::new_layers(model, targets, 3, adapter::Init::paper, 7);
  uint64_t seed = 300;
  for (adapter::LayerAdapter& layer : layers) {
    layer.b = tests::random_tensor(layer.b.sizes(), ++seed, at::kFloat, 0.3);
  }
  layers[0].a = layers[0].a.narrow(0, 0, 1);
  layers[0].b = layers[0].b.narrow(1, 0, 1);
  return adapter::ordered_adapter(std::move(layers));
}

double loss_at(const nn::Decoder& base, const adapter::Adapter& adapter, int64_t rank,
               const std::vector<data::Example>& examples) {
  const c10::NoGradGuard no_grad;
  const nn::Decoder model =
      adapter::with_adapter(base, adapter, rank, adapter::InferenceGate::paper);
  std::vector<int64_t> all(examples.size());
  std::iota(all.begin(), all.end(), 0);
  const data::Pack pack = data::pack(examples, all, at::kCPU);
  const at::Tensor h = model.hidden(pack.tokens, pack.lengths, pack.rows);
  return model.scores(h, pack.labels).losses.mean().item<double>();
}

TEST(FitGates, LowersTheLossOfItsRanksAndOfNoOther) {
  nn::Decoder model = tests::tiny_llama();
  const std::vector<data::Example> examples = tests::tiny_examples(12);
  adapter::Adapter adapter = ordered(model);
  std::vector<double> before;
  for (int64_t k = 0; k <= 3; ++k) before.push_back(loss_at(model, adapter, k, examples));
  const auto a = adapter.layers[1].a.clone(), b = adapter.layers[1].b.clone();
  FitOptions options;
  options.steps = 20;
  const std::vector<int64_t> ranks = {1, 2};
  const auto results = fit_gates(model, adapter, ranks, examples, options);
  ASSERT_EQ(results.size(), 2u);
  for (const FittedRank& result : results) {
    const auto k = static_cast<size_t>(result.rank);
    EXPECT_NEAR(result.before, before[k], 1e-5);
    EXPECT_LT(result.after, result.before - 1e-3);
    EXPECT_NEAR(loss_at(model, adapter, result.rank, examples), result.after, 1e-5);
  }
  EXPECT_EQ(loss_at(model, adapter, 0, examples), before[0]);
  EXPECT_NEAR(loss_at(model, adapter, 3, examples), before[3], 1e-6);
  EXPECT_TRUE(at::equal(adapter.layers[1].a, a) && at::equal(adapter.layers[1].b, b));
  EXPECT_EQ(adapter.layers[0].fitted.at(2).size(), 1u);
  EXPECT_EQ(adapter.layers[1].fitted.at(2).size(), 2u);
  EXPECT_EQ(adapter.layers[1].fitted.count(3), 0u);
}

// Steps that make it worse leave the plain slice.
TEST(FitGates, KeepsTheStartWhereNothingIsBetter) {
  nn::Decoder model = tests::tiny_llama();
  const std::vector<data::Example> examples = tests::tiny_examples(6);
  adapter::Adapter adapter = ordered(model);
  FitOptions options;
  options.steps = 4;
  options.learning_rate = -2e-2;  // uphill
  const std::vector<int64_t> ranks = {2};
  const auto results = fit_gates(model, adapter, ranks, examples, options);
  EXPECT_EQ(results[0].after, results[0].before);
  for (const adapter::LayerAdapter& layer : adapter.layers) {
    EXPECT_TRUE(layer.fitted.empty());
  }
}

// What is re-nested is the function at the full rank, with the gate that was fitted there.
TEST(FitGates, RenestingTakesFittedGatesOfTheFullRank) {
  nn::Decoder model = tests::tiny_llama();
  const std::vector<data::Example> examples = tests::tiny_examples(6);
  adapter::Adapter adapter = ordered(model);
  for (adapter::LayerAdapter& layer : adapter.layers) {
    layer.fitted = {{3, std::vector<double>(static_cast<size_t>(layer.rank()), 0.25)}};
  }
  const double expected = loss_at(model, adapter, 3, examples);
  adapter::Adapter nested = adapter::ordered_adapter(
      adapter::renest(adapter, adapter::InferenceGate::paper, 3, nullptr).layers);
  EXPECT_NEAR(loss_at(model, nested, 3, examples), expected, 1e-5);
  EXPECT_TRUE(nested.layers[0].fitted.empty());
}

}  // namespace
}  // namespace matlora::train
