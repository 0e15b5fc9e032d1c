// Logits against transformers' LlamaForCausalLM in float32 (tools/golden/models.py, logits.py),
// from the HF directory and from its GGUF twin, alone and packed.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "matlora/model/load.h"
#include "tests/support/golden_logits.h"

namespace matlora::model {
namespace {

class LogitsParity : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    directory_ = tests::golden_path("models/" + GetParam());
    const auto logits = tests::golden_path("logits_" + GetParam() + ".safetensors");
    if (!std::filesystem::exists(directory_) || !std::filesystem::exists(logits)) {
      GTEST_SKIP() << directory_ << " is not there";
    }
    golden_ = std::make_unique<tests::Golden>(logits);
  }

  void compare(const Model& model) const { tests::expect_logits(model.decoder, *golden_); }

  std::filesystem::path gguf() const { return directory_.string() + ".gguf"; }

  std::filesystem::path directory_;
  std::unique_ptr<tests::Golden> golden_;
};

TEST_P(LogitsParity, HfDirectory) { compare(load(directory_, at::kFloat, at::kCPU)); }

/// Weights made on demand: the same model to the bit.
void expect_on_demand(const std::filesystem::path& path) {
  const at::NoGradGuard no_grad;
  const Model kept = load(path, at::kFloat, at::kCPU);
  Model made = load(path, at::kFloat, at::kCPU, Weights::on_demand);
  EXPECT_TRUE(made.decoder.on_demand());
  EXPECT_EQ(made.digest, kept.digest);
  const at::Tensor tokens = tests::random_tokens(9, kept.decoder.vocab_size());
  const std::vector<int64_t> lengths = {4, 5};
  const at::Tensor expected = kept.decoder.hidden(tokens, lengths);
  EXPECT_TRUE(at::equal(made.decoder.hidden(tokens, lengths), expected));
  EXPECT_TRUE(at::equal(made.decoder.hidden(tokens, lengths), expected));
  nn::merge_deltas(made.decoder);
  EXPECT_FALSE(made.decoder.on_demand());
  EXPECT_TRUE(at::equal(made.decoder.hidden(tokens, lengths), expected));
  EXPECT_FALSE(load(path, at::kBFloat16, at::kCPU, Weights::on_demand).decoder.on_demand());
}

TEST_P(LogitsParity, OnDemand) { expect_on_demand(directory_); }

struct GgufLogitsParity : LogitsParity {};

TEST_P(GgufLogitsParity, OnDemand) { expect_on_demand(gguf()); }

TEST_P(GgufLogitsParity, TwinOfTheHfDirectory) {
  const Model twin = load(gguf(), at::kFloat, at::kCPU);
  compare(twin);
  Model original = load(directory_, at::kFloat, at::kCPU);
  EXPECT_EQ(twin.digest, original.digest);
  EXPECT_EQ(twin.stop_ids, original.stop_ids);
  EXPECT_EQ(load(directory_, at::kBFloat16, at::kCPU).digest, original.digest);
  EXPECT_EQ(load(directory_, at::kHalf, at::kCPU).digest, original.digest);
}

INSTANTIATE_TEST_SUITE_P(Models, LogitsParity,
                         ::testing::Values("tied", "untied_gqa", "llama3_rope", "linear_rope",
                                           "biases", "sharded"),
                         [](const auto& tested) { return tested.param; });
INSTANTIATE_TEST_SUITE_P(Models, GgufLogitsParity,
                         ::testing::Values("tied", "untied_gqa", "llama3_rope", "linear_rope",
                                           "biases"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace matlora::model
