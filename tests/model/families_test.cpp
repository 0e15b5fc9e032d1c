// Every family but Llama (logits_parity_test.cpp) against transformers in float32
// (tools/golden/families.py): from the HF directory and from its GGUF twin, alone, packed and token
// by token through the cache.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "matlora/model/load.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_llama.h"

namespace matlora::model {
namespace {

constexpr double kTolerance = 1e-5;

class Families : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    directory_ = tests::golden_path("families/" + GetParam());
    if (!std::filesystem::exists(directory_)) GTEST_SKIP() << directory_ << " is not there";
    golden_ = std::make_unique<tests::Golden>(
        tests::golden_path("family_" + GetParam() + ".safetensors"));
  }

  void compare(const Model& model) const {
    const at::NoGradGuard no_grad;
    const nn::Decoder& decoder = model.decoder;
    const tests::Golden& golden = *golden_;
    const at::Tensor ids = golden["input_ids"];
    const std::vector<int64_t> one = {ids.size(0)};
    const at::Tensor logits = decoder.logits(decoder.hidden(ids, one));
    EXPECT_LE(tests::relative_error(logits, golden["logits"]), kTolerance);

    const at::Tensor a = golden["a.input_ids"], b = golden["b.input_ids"];
    const std::vector<int64_t> two = {a.size(0), b.size(0)};
    const at::Tensor both = at::cat({golden["a.logits"], golden["b.logits"]});
    const at::Tensor packed = decoder.logits(decoder.hidden(at::cat({a, b}), two));
    EXPECT_LE(tests::relative_error(packed, both), kTolerance);

    nn::KvCache cache = decoder.make_cache();
    const std::vector<nn::NewTokens> next = {{cache.open(a.size(0)), 1}};
    std::vector<at::Tensor> steps;
    for (int64_t t = 0; t < a.size(0); ++t) {
      steps.push_back(decoder.logits(decoder.hidden(a.narrow(0, t, 1), next, cache)));
    }
    EXPECT_LE(tests::relative_error(at::cat(steps), golden["a.logits"]), kTolerance);
    const std::vector<nn::NewTokens> whole = {{cache.open(b.size(0)), b.size(0)}};
    const at::Tensor filled = decoder.logits(decoder.hidden(b, whole, cache));
    EXPECT_LE(tests::relative_error(filled, golden["b.logits"]), kTolerance);
  }

  std::filesystem::path directory_;
  std::unique_ptr<tests::Golden> golden_;
};

TEST_P(Families, HfDirectory) { compare(load(directory_, at::kFloat, at::kCPU)); }

struct GgufFamilies : Families {};

TEST_P(GgufFamilies, TwinOfTheHfDirectory) {
  const Model twin = load(directory_.string() + ".gguf", at::kFloat, at::kCPU);
  compare(twin);
  const Model original = load(directory_, at::kFloat, at::kCPU);
  EXPECT_EQ(twin.digest, original.digest);
  EXPECT_EQ(load(directory_, at::kBFloat16, at::kCPU).digest, original.digest);
}

/// Of bfloat16: near enough, from kernels that read norms in float32 too.
TEST_P(Families, BFloat16) {
  const at::NoGradGuard no_grad;
  const Model model = load(directory_, at::kBFloat16, at::kCPU);
  const at::Tensor ids = (*golden_)["input_ids"];
  const std::vector<int64_t> one = {ids.size(0)};
  const at::Tensor logits = model.decoder.logits(model.decoder.hidden(ids, one));
  EXPECT_LE(tests::relative_error(logits.to(at::kFloat), (*golden_)["logits"]), 0.1);
}

TEST(WrappedFamily, IsItsLanguageModel) {
  const auto path = tests::golden_path("families/gemma3_wrapper");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const Model wrapped = load(path, at::kFloat, at::kCPU);
  const Model text = load(tests::golden_path("families/gemma3"), at::kFloat, at::kCPU);
  EXPECT_EQ(wrapped.digest, text.digest);
  EXPECT_EQ(wrapped.config.left_out, "vision_tower, multi_modal_projector");
  EXPECT_EQ(text.config.left_out, "");
}

const auto kName = [](const auto& tested) { return tested.param; };

INSTANTIATE_TEST_SUITE_P(Models, Families,
                         ::testing::Values("mistral", "qwen2", "qwen2_window", "qwen2_yarn",
                                           "qwen3", "gemma2", "gemma3", "gemma3_wrapper", "phi3",
                                           "phi4_mini", "smollm3", "olmo2", "olmo3", "granite"),
                         kName);
INSTANTIATE_TEST_SUITE_P(Models, GgufFamilies,
                         ::testing::Values("mistral", "qwen2", "qwen2_yarn", "qwen3", "gemma2",
                                           "gemma3", "phi3", "phi4_mini", "smollm3", "olmo2",
                                           "olmo3", "granite"),
                         kName);

}  // namespace
}  // namespace matlora::model
