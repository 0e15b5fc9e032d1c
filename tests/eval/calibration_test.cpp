#include "matlora/eval/calibration.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>

#include "matlora/adapter/bank.h"
#include "matlora/adapter/moments.h"
#include "matlora/data/packing.h"
#include "matlora/nn/rms_norm.h"
#include "tests/support/tiny_run.h"

namespace matlora::eval {
namespace {

using tests::relative_error;

adapter::Adapter adapter_of(nn::Decoder& model, const std::vector<std::string>& targets) {
  adapter::Adapter adapter;
  adapter.rule.rank = 3;
  adapter.rule.train_ranks = {1, 3};
  adapter.layers = adapter::new_layers(model, targets, 3, adapter::Init::paper, 7);
  uint64_t seed = 200;
  for (adapter::LayerAdapter& layer : adapter.layers) {
    layer.b = tests::random_tensor(layer.b.sizes(), ++seed);
  }
  return adapter;
}

/// Keeps what a layer read.
struct Recorder : nn::InputObserver {
  std::vector<at::Tensor> inputs;
  void see(const at::Tensor& x) override { inputs.push_back(x.detach().to(at::kDouble)); }
  at::Tensor moment() const {
    const at::Tensor x = at::cat(inputs);
    return x.t().matmul(x) / static_cast<double>(x.size(0));
  }
};

// One example a pass, with the adapter at its full rank.
TEST(GatherMoments, EqualsTheInputsOneExampleAtATime) {
  nn::Decoder model = tests::tiny_llama();
  adapter::Adapter adapter = adapter_of(model, {"all-linear"});
  const std::vector<data::Example> examples = tests::tiny_examples(12);
  const Calibration found = gather_moments(model, adapter, adapter::InferenceGate::trained,
                                           adapter.rule.rank, examples, true);

  std::map<std::string, std::shared_ptr<Recorder>> recorders;
  nn::Decoder observed = adapter::with_adapter(model, adapter, 3, adapter::InferenceGate::trained);
  nn::for_each_linear(observed, [&](const std::string& name, nn::Linear& layer) {
    EXPECT_FALSE(layer.observer) << name;  // the caller's model is not observed
    layer.observer = recorders[name] = std::make_shared<Recorder>();
  });
  int64_t tokens = 0;
  for (int64_t i = 0; i < 12; ++i) {
    const data::Pack pack = data::pack(examples, std::vector<int64_t>{i}, at::kCPU);
    observed.hidden(pack.tokens, pack.lengths, pack.rows);
    tokens += pack.token_count();
  }
  EXPECT_EQ(found.tokens, tokens);
  ASSERT_EQ(found.moments.of.size(), 14u);
  for (const auto& [layer, moment] : found.moments.of) {
    EXPECT_EQ(moment.scalar_type(), at::kDouble);
    EXPECT_LT(relative_error(moment, recorders.at(layer)->moment()), 1e-5) << layer;
  }
}

TEST(GatherMoments, TheFirstLayersInputByHand) {
  nn::Decoder model = tests::tiny_llama();
  adapter::Adapter adapter = adapter_of(model, {"k_proj"});
  const std::vector<data::Example> examples = tests::tiny_examples(3);
  const Calibration found = gather_moments(model, adapter, adapter::InferenceGate::paper,
                                           adapter.rule.rank, examples, true);
  const data::Pack pack = data::pack(examples, std::vector<int64_t>{0, 1, 2}, at::kCPU);
  const at::Tensor x = nn::rms_norm(at::embedding(model.embedding, pack.tokens),
                                    model.layers[0].attention_norm, model.rms_norm_eps)
                           .to(at::kDouble);
  EXPECT_LT(relative_error(found.moments.of.at("model.layers.0.self_attn.k_proj"),
                           x.t().matmul(x) / static_cast<double>(x.size(0))),
            1e-6);
}

// Every layer once, in the model's order, with the same numbers.
TEST(StreamMoments, EqualsWhatIsGatheredAtOnce) {
  nn::Decoder model = tests::tiny_llama();
  adapter::Adapter adapter = adapter_of(model, {"all-linear"});
  const std::vector<data::Example> examples = tests::tiny_examples(12);
  const Calibration expected =
      gather_moments(model, adapter, adapter::InferenceGate::trained, 2, examples, true);
  adapter::Moments found;
  const int64_t tokens =
      stream_moments(model, adapter, adapter::InferenceGate::trained, 2, examples,
                     [&](adapter::Moments part) { found.of.merge(part.of); });
  EXPECT_EQ(tokens, expected.tokens);
  ASSERT_EQ(found.of.size(), expected.moments.of.size());
  for (const auto& [layer, moment] : expected.moments.of) {
    EXPECT_LT(relative_error(found.of.at(layer), moment), 1e-6) << layer;
  }
}

// A limit of one matrix hands out one input's layers at a time; nothing is kept.
TEST(StreamMoments, HoldsNoMoreThanItsLimit) {
  nn::Decoder model = tests::tiny_llama();
  adapter::Adapter adapter = adapter_of(model, {"all-linear"});
  const auto examples = tests::tiny_examples(3);
  const data::Pack pack = data::pack(examples, std::vector<int64_t>{0, 1, 2}, at::kCPU);
  std::set<std::string> layers;
  for (const adapter::LayerAdapter& layer : adapter.layers) layers.insert(layer.layer);
  std::vector<std::string> seen;
  size_t most = 0;
  const auto ready = [&](const adapter::Moments& part) {
    std::set<const void*> matrices;
    for (const auto& [layer, moment] : part.of) {
      matrices.insert(moment.const_data_ptr());
      seen.push_back(layer);
    }
    most = std::max(most, matrices.size());
  };
  nn::Decoder observed = adapter::with_adapter(model, adapter, 3, adapter::InferenceGate::trained);
  adapter::MomentCollector collector(observed, layers, ready, 1);
  observed.hidden(pack.tokens, pack.lengths, pack.rows);
  ready(collector.take());
  EXPECT_EQ(most, 1u);
  EXPECT_EQ(seen.size(), layers.size());
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), layers);
}

TEST(GatherMoments, LayersOfOneInputShareAMatrix) {
  nn::Decoder model = tests::tiny_llama();
  adapter::Adapter adapter =
      adapter_of(model, {"q_proj", "v_proj", "o_proj", "gate_proj", "up_proj"});
  const Calibration found = gather_moments(model, adapter, adapter::InferenceGate::paper,
                                           adapter.rule.rank, tests::tiny_examples(4), true);
  const auto data = [&](const std::string& layer) {
    return found.moments.of.at("model.layers.1." + layer).const_data_ptr();
  };
  EXPECT_EQ(found.moments.of.size(), 10u);
  EXPECT_EQ(data("self_attn.q_proj"), data("self_attn.v_proj"));
  EXPECT_EQ(data("mlp.gate_proj"), data("mlp.up_proj"));
  EXPECT_NE(data("self_attn.q_proj"), data("self_attn.o_proj"));
  EXPECT_NE(data("self_attn.o_proj"), data("mlp.up_proj"));
}

}  // namespace
}  // namespace matlora::eval
