#include "matlora/train/worth.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "matlora/adapter/compress.h"
#include "matlora/train/gated.h"
#include "tests/support/tiny_run.h"

namespace matlora::train {
namespace {

adapter::Adapter ordered(nn::Decoder& model, double size) {
  const std::vector<std::string> targets = {"q_proj", "down_proj"};
  auto layers = adapter::new_layers(model, targets, 3, adapter::Init::paper, 7);
  uint64_t seed = 500;
  for (adapter::LayerAdapter& layer : layers) {
    layer.b = tests::random_tensor(layer.b.sizes(), ++seed, at::kFloat, size);
  }
  layers[1].a = layers[1].a.narrow(0, 0, 2);
  layers[1].b = layers[1].b.narrow(1, 0, 2);
  return adapter::ordered_adapter(std::move(layers));
}

/// Of the adapter with its whole gate times t.
double loss_at(const nn::Decoder& decoder, const adapter::Adapter& adapter,
               std::span<const data::Example> examples, double t) {
  const c10::NoGradGuard no_grad;
  Gates gates;
  for (const at::Tensor& gate : gates_of_rank(adapter, adapter.rule.rank, at::kCPU)) {
    gates.push_back(gate * t);
  }
  const nn::Decoder model = gated(decoder, adapter, gates);
  double sum = 0;
  int64_t labels = 0;
  for (const data::Pack& pack : packs_of(examples, 2048, at::kCPU)) {
    sum += losses_of(model, pack).sum(at::kDouble).item<double>();
    labels += pack.label_count();
  }
  return sum / static_cast<double>(labels);
}

TEST(DirectionWorth, AddsUpToWhatTheAdapterTakesOffTheLoss) {
  nn::Decoder model = tests::tiny_llama();
  const std::vector<data::Example> examples = tests::tiny_examples(12);
  const adapter::Adapter adapter = ordered(model, 0.1);
  const auto worth = direction_worth(model, adapter, examples, /*quiet=*/true);
  ASSERT_EQ(worth.size(), adapter.layers.size());
  double sum = 0;
  for (size_t i = 0; i < worth.size(); ++i) {
    ASSERT_EQ(std::ssize(worth[i]), adapter.layers[i].rank());
    for (const double share : worth[i]) sum += share;
  }
  const double base = loss_at(model, adapter, examples, 0);
  const double whole = base - loss_at(model, adapter, examples, 1);
  EXPECT_GT(std::abs(whole), 1e-3);
  EXPECT_NEAR(sum, whole, 1e-4 + 0.01 * std::abs(whole));
}

// Where only one direction does anything, it has all of the worth.
TEST(DirectionWorth, IsZeroForADirectionWithoutEffect) {
  nn::Decoder model = tests::tiny_llama();
  const std::vector<data::Example> examples = tests::tiny_examples(12);
  adapter::Adapter adapter = ordered(model, 0.1);
  for (size_t i = 0; i < adapter.layers.size(); ++i) {
    adapter::LayerAdapter& layer = adapter.layers[i];
    layer.b = layer.b.clone();
    if (i == 2) {
      layer.b.narrow(1, 0, 1).zero_();
      layer.b.narrow(1, 2, 1).zero_();
    } else {
      layer.b.zero_();
    }
  }
  const auto worth = direction_worth(model, adapter, examples, /*quiet=*/true);
  const double whole = loss_at(model, adapter, examples, 0) - loss_at(model, adapter, examples, 1);
  for (size_t i = 0; i < worth.size(); ++i) {
    for (size_t k = 0; k < worth[i].size(); ++k) {
      if (i == 2 && k == 1) {
        EXPECT_NEAR(worth[i][k], whole, 1e-5 + 0.01 * std::abs(whole));
      } else {
        EXPECT_EQ(worth[i][k], 0) << i << " " << k;
      }
    }
  }
}

}  // namespace
}  // namespace matlora::train
