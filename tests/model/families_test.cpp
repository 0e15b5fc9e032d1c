// Every family but Llama (logits_parity_test.cpp) against transformers in float32
// (tools/golden/families.py): from the HF directory and from its GGUF twin, alone, packed and token
// by token through the cache.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "matlora/model/load.h"
#include "tests/support/golden_logits.h"

namespace matlora::model {
namespace {

class Families : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    directory_ = tests::golden_path("families/" + GetParam());
    if (!std::filesystem::exists(directory_)) GTEST_SKIP() << directory_ << " is not there";
    golden_ = std::make_unique<tests::Golden>(
        tests::golden_path("family_" + GetParam() + ".safetensors"));
  }

  void compare(const Model& model) const { tests::expect_logits(model.decoder, *golden_); }

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

/// Of bfloat16: within twenty roundings of 2^-8, which four layers of large weights add up to.
TEST_P(Families, BFloat16) {
  const at::NoGradGuard no_grad;
  const Model model = load(directory_, at::kBFloat16, at::kCPU);
  const at::Tensor ids = (*golden_)["input_ids"];
  const std::vector<int64_t> one = {ids.size(0)};
  const at::Tensor logits = model.decoder.logits(model.decoder.hidden(ids, one));
  EXPECT_LE(tests::relative_error(logits.to(at::kFloat), (*golden_)["logits"]), 20.0 / 256);
}

TEST(WrappedFamily, IsItsLanguageModel) {
  struct Wrapped {
    std::string name, text, left_out;
  };
  const std::vector<Wrapped> all = {
      {"gemma3_wrapper", "gemma3", "vision_tower, multi_modal_projector"},
      {"gemma3_wrapper_newer", "gemma3", "vision_tower, multi_modal_projector"},
      {"mistral3", "mistral", "vision_config"},
      {"llava", "qwen2", "vision_config"},
      {"smolvlm", "smollm3", "vision_config"}};
  for (const Wrapped& one : all) {
    const auto path = tests::golden_path("families/" + one.name);
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
    const Model wrapped = load(path, at::kFloat, at::kCPU);
    const Model text = load(tests::golden_path("families/" + one.text), at::kFloat, at::kCPU);
    EXPECT_EQ(wrapped.digest, text.digest) << one.name;
    EXPECT_EQ(wrapped.stop_ids, text.stop_ids) << one.name;
    EXPECT_EQ(wrapped.config.left_out, one.left_out);
    EXPECT_EQ(text.config.left_out, "");
  }
}

const auto kName = [](const auto& tested) { return tested.param; };

INSTANTIATE_TEST_SUITE_P(Models, Families,
                         ::testing::Values("mistral", "qwen2", "qwen2_window", "qwen2_yarn",
                                           "qwen3", "gemma2", "gemma3", "gemma3_old",
                                           "gemma3_wrapper", "gemma3_wrapper_newer", "mistral3",
                                           "llava", "smolvlm", "phi3", "phi4_mini_su",
                                           "phi4_mini_yarn", "phi4_mini_type", "phi4_mini",
                                           "smollm3", "olmo2", "olmo3", "granite"),
                         kName);
INSTANTIATE_TEST_SUITE_P(Models, GgufFamilies,
                         ::testing::Values("mistral", "qwen2", "qwen2_yarn", "qwen3", "gemma2",
                                           "gemma3", "phi3", "phi4_mini", "smollm3", "olmo2",
                                           "olmo3", "granite"),
                         kName);

}  // namespace
}  // namespace matlora::model
