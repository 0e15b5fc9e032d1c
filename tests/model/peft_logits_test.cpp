// Adapters that PEFT made, on the tiny models (tools/golden/peft_adapters.py): PEFT's logits, whole
// and at every rank, and the gradients of its training.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <filesystem>

#include "matlora/adapter/bank.h"
#include "matlora/model/adapter_io.h"
#include "matlora/model/load.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_llama.h"

namespace matlora::model {
namespace {

using adapter::InferenceGate;

struct Case {
  std::string name, model;
};

class PeftCase : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto path = tests::golden_path("peft_" + GetParam().name + ".safetensors");
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
    golden_ = std::make_unique<tests::Golden>(path);
    base_ = load(tests::golden_path(GetParam().model), at::kFloat, at::kCPU).decoder;
    adapter_ = load_adapter(tests::golden_path("peft/" + GetParam().name), at::kCPU).adapter;
  }

  at::Tensor ids() const { return (*golden_)["input_ids"]; }

  at::Tensor logits(int64_t rank, InferenceGate gate) const {
    const nn::Decoder adapted = adapter::with_adapter(base_, adapter_, rank, gate);
    const std::vector<int64_t> one = {ids().size(0)};
    return adapted.logits(adapted.hidden(ids(), one));
  }

  std::unique_ptr<tests::Golden> golden_;
  nn::Decoder base_;
  adapter::Adapter adapter_;
};

struct PeftLogits : PeftCase {};

TEST_P(PeftLogits, WholeAndAtEveryRank) {
  const at::NoGradGuard no_grad;
  for (const InferenceGate gate : {InferenceGate::paper, InferenceGate::trained}) {
    EXPECT_LE(tests::relative_error(logits(adapter_.rule.rank, gate), (*golden_)["logits"]), 1e-5);
  }
  for (int64_t k = 1; k <= std::min<int64_t>(3, adapter_.rule.rank); ++k) {
    const at::Tensor expected = (*golden_)["logits_" + std::to_string(k)];
    EXPECT_LE(tests::relative_error(logits(k, InferenceGate::trained), expected), 1e-5) << k;
  }
}

struct PeftGradients : PeftCase {};

TEST_P(PeftGradients, OfOneStep) {
  std::vector<at::Tensor> parameters;
  for (const adapter::LayerAdapter& layer : adapter_.layers) {
    parameters.push_back(layer.a.requires_grad_());
    parameters.push_back(layer.b.requires_grad_());
  }
  const nn::Decoder adapted =
      adapter::with_adapter(base_, adapter_, adapter_.rule.rank, InferenceGate::trained);
  const std::vector<int64_t> one = {ids().size(0)};
  const at::Tensor labels = (*golden_)["labels"].narrow(0, 1, ids().size(0) - 1);  // of the next
  const at::Tensor rows = labels.ge(0).nonzero().squeeze(1);
  const at::Tensor h = adapted.hidden(ids(), one, rows);
  const at::Tensor loss = adapted.scores(h, labels.index_select(0, rows)).losses.mean();
  EXPECT_LE(tests::relative_error(loss, (*golden_)["loss"].squeeze()), 1e-5);
  const auto gradients = torch::autograd::grad({loss}, parameters);
  for (size_t i = 0; i < gradients.size(); ++i) {
    const std::string name =
        "grad." + adapter_.layers[i / 2].layer + (i % 2 == 0 ? ".lora_A" : ".lora_B");
    EXPECT_LE(tests::relative_error(gradients[i], (*golden_)[name]), 1e-4) << name;
  }
}

const auto kName = [](const auto& tested) { return tested.param.name; };

INSTANTIATE_TEST_SUITE_P(Models, PeftLogits,
                         ::testing::Values(Case{"phi3_fused", "families/phi3"},
                                           Case{"phi4_mini_all_linear", "families/phi4_mini"},
                                           Case{"qwen2_expression", "families/qwen2"},
                                           Case{"gemma2_ends", "families/gemma2"},
                                           Case{"gemma3_all_linear", "families/gemma3"},
                                           Case{"llama_overlap", "models/untied_gqa"},
                                           Case{"llama_plain", "models/untied_gqa"},
                                           Case{"granite_some_blocks", "families/granite"}),
                         kName);

std::vector<Case> of_every_family() {
  std::vector<Case> cases = {{"gradients_llama", "models/untied_gqa"}};
  for (const char* name : {"mistral", "qwen2", "qwen2_window", "qwen2_yarn", "qwen3", "gemma2",
                           "gemma3", "phi3", "phi4_mini", "smollm3", "olmo2", "olmo3", "granite"}) {
    cases.push_back({std::string("gradients_") + name, std::string("families/") + name});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, PeftGradients, ::testing::ValuesIn(of_every_family()), kName);

}  // namespace
}  // namespace matlora::model
