#include "matlora/adapter/fold.h"

#include <gtest/gtest.h>

#include "matlora/adapter/bank.h"
#include "tests/support/tiny_llama.h"

namespace matlora::adapter {
namespace {

TEST(Fold, EveryRankComputesWhatItDid) {
  nn::Decoder model = tests::tiny_llama();
  Adapter adapter;
  adapter.rule.method = Method::nested;
  adapter.rule.rank = 4;
  adapter.rule.train_ranks = {1, 2, 4};
  adapter.layers =
      new_layers(model, std::vector<std::string>{"q_proj", "down_proj"}, 4, Init::paper, 3);
  for (LayerAdapter& layer : adapter.layers) layer.b = tests::random_tensor(layer.b.sizes(), 9);
  const Adapter unit = folded(adapter, InferenceGate::trained);
  EXPECT_EQ(unit.rule.train_ranks, adapter.rule.train_ranks);
  const at::Tensor tokens = tests::random_tokens(9);
  const std::vector<int64_t> lengths = {9};
  for (int64_t k = 1; k <= 4; ++k) {
    const at::Tensor expected =
        with_adapter(model, adapter, k, InferenceGate::trained).hidden(tokens, lengths);
    for (const InferenceGate gate : {InferenceGate::paper, InferenceGate::trained}) {
      EXPECT_EQ(inference_gate(unit.rule, k, gate),
                std::vector<double>(static_cast<size_t>(k), 1.0));
      const nn::Decoder other = with_adapter(model, unit, k, gate);
      EXPECT_LT(tests::relative_error(other.hidden(tokens, lengths), expected), 2e-6);
    }
  }
}

}  // namespace
}  // namespace matlora::adapter
