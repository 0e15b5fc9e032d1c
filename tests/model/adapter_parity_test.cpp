// Adapters of every form against their reference implementations' logits: tools/golden/adapters.py.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <map>

#include "matlora/adapter/bank.h"
#include "matlora/base/json.h"
#include "matlora/model/adapter_for.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_llama.h"

namespace matlora::model {
namespace {

using tests::expect_has;
using tests::golden_path;
using tests::user_error;

class AdapterParity : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(golden_path("adapters/index.json"))) GTEST_SKIP() << "no golden adapters";
  }
};

TEST_F(AdapterParity, LogitsOfTheReferences) {
  const at::NoGradGuard no_grad;
  std::map<std::string, Model> models;
  int forms = 0;
  const Json index = read_json(golden_path("adapters/index.json"));
  for (const Json& one : index) {
    const std::string name = one["name"], base = one["model"];
    SCOPED_TRACE(name);
    if (!models.count(base)) {
      models.emplace(base, load(golden_path(base), at::kFloat, at::kCPU));
    }
    Model& model = models.at(base);
    const tests::Golden golden(golden_path("adapters/" + name + ".safetensors"));
    const LoadedAdapter loaded = load_adapter_for(golden_path(one["adapter"]), model);
    const nn::Decoder adapted = adapter::with_adapter(model.decoder, loaded.adapter, one["rank"],
                                                      loaded.adapter.inference_gate);
    const at::Tensor ids = golden["input_ids"];
    nn::Decoder merged = adapted;
    nn::merge_deltas(merged);
    const std::vector<int64_t> lengths = {ids.size(0)};
    const at::Tensor logits = merged.logits(merged.hidden(ids, lengths));
    EXPECT_LE(tests::relative_error(logits, golden["logits"]), 1e-5);
    const at::Tensor plain = model.decoder.logits(model.decoder.hidden(ids, lengths));
    EXPECT_GE(tests::relative_error(plain, golden["logits"]), 1e-3);
    ++forms;
  }
  EXPECT_GE(forms, 30);
}

TEST_F(AdapterParity, AGgufAdapterOnAGgufBase) {
  const at::NoGradGuard no_grad;
  Model hf = load(golden_path("models/untied_gqa"), at::kFloat, at::kCPU);
  Model gguf = load(golden_path("models/untied_gqa.gguf"), at::kFloat, at::kCPU);
  const fs::path path = golden_path("adapters/gguf_llama.gguf");
  const adapter::Adapter one = load_adapter_for(path, hf).adapter,
                         two = load_adapter_for(path, gguf).adapter;
  for (size_t i = 0; i < one.layers.size(); ++i) {
    EXPECT_TRUE(at::equal(one.layers[i].a, two.layers[i].a));
    EXPECT_TRUE(at::equal(one.layers[i].b, two.layers[i].b));
  }
}

TEST_F(AdapterParity, WhatAFileSaysOfItself) {
  const fs::path llama = golden_path("adapters/gguf_llama.gguf");
  expect_has(user_error([&] { load_adapter(llama, at::kCPU); }),
             "does not say of how many heads; expected the base model");
  EXPECT_EQ(peek_adapter(llama).format, "gguf");
  EXPECT_EQ(peek_adapter(llama).adapter.rule.rank, 4);
  expect_has(user_error([&] { load_adapter(llama, at::kCPU, golden_path("families/qwen2")); }),
             "the adapter is for the architecture llama, the base model is qwen2");
  // Without rows to bring in order it needs no base.
  const LoadedAdapter qwen = load_adapter(golden_path("adapters/gguf_qwen2.gguf"), at::kCPU);
  EXPECT_EQ(qwen.architecture, "qwen2");
  EXPECT_NEAR(adapter::scale(qwen.adapter.rule, 4), 1.5, 1e-12);
  const LoadedAdapter plain =
      load_adapter(golden_path("adapters/lora_adapters_step=00012.pt"), at::kCPU);
  EXPECT_EQ(plain.format, "reference");
  EXPECT_EQ(plain.adapter.rule.method, adapter::Method::matryoshka);
  EXPECT_EQ(plain.adapter.rule.train_ranks, (std::vector<int64_t>{1, 2, 4, 8}));
  ASSERT_EQ(plain.notes.size(), 1u);
  expect_has(plain.notes[0], "does not say how it was trained");
  const LoadedAdapter described =
      load_adapter(golden_path("adapters/described/lora_adapters_step=00007.pt"), at::kCPU);
  EXPECT_EQ(described.adapter.rule.train_ranks, (std::vector<int64_t>{2, 6}));
  EXPECT_TRUE(described.notes.empty());
  expect_has(user_error([&] { load_adapter(golden_path("adapters/legacy.pt"), at::kCPU); }),
             "PyTorch's legacy format");
  EXPECT_EQ(load_adapter(golden_path("adapters/pickled"), at::kCPU).file.filename(),
            "adapter_model.bin");
}

}  // namespace
}  // namespace matlora::model
