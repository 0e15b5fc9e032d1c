// A second family in one file and one line of the list: a toy one, which reads a golden Llama.
#include "matlora/model/families/family.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "matlora/base/error.h"
#include "matlora/model/families/configs.h"
#include "matlora/model/load.h"
#include "matlora/nn/packed_attention.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_llama.h"

namespace matlora::model {
namespace {

Hyperparameters read_toy(const JsonObject& config) {
  Hyperparameters of = read_hf_sizes(config);
  of.kinds.resize(static_cast<size_t>(of.num_layers));
  of.kinds[0].window = 1 << 20;
  of.logit_scale = 0.5;
  return of;
}

Family toy_family() {
  Family toy = llama_family();
  toy.name = "toy";
  toy.hf_types = {{"toy", "ToyForCausalLM"}};
  toy.gguf_architectures = {"toy"};
  toy.read_hf = read_toy;
  return toy;
}

struct FamilyTest : ::testing::Test {
  void SetUp() override {
    llama = tests::golden_path("models/tied");
    if (!std::filesystem::exists(llama)) GTEST_SKIP() << llama << " is not there";
    std::filesystem::copy(llama, dir.path(), std::filesystem::copy_options::recursive);
    Json config = read_json(llama / "config.json");
    config["model_type"] = "toy";
    config["architectures"] = {"ToyForCausalLM"};
    dir.write("config.json", config.dump());
  }
  test::TempDir dir;
  std::filesystem::path llama;
};

TEST_F(FamilyTest, OfItsOwnParts) {
  const at::NoGradGuard no_grad;
  const Family known[] = {llama_family(), toy_family()};
  const Model toy = load(dir.path(), at::kFloat, at::kCPU, Weights::in_memory, known);
  const Model plain = load(llama, at::kFloat, at::kCPU, Weights::in_memory, known);
  const at::Tensor tokens = tests::random_tokens(9, plain.decoder.vocab_size());
  const std::vector<int64_t> lengths = {9};
  const auto logits = [&](const Model& model) {
    return model.decoder.logits(model.decoder.hidden(tokens, lengths));
  };
  EXPECT_TRUE(at::equal(logits(toy), 0.5 * logits(plain)));
  EXPECT_EQ(toy.digest, plain.digest);
}

TEST_F(FamilyTest, OfNoFamily) {
  EXPECT_TRUE(test::contains(test::user_error([&] { load(dir.path(), at::kFloat, at::kCPU); }),
                             "got 'toy'"));
  const Family known[] = {llama_family(), toy_family()};
  dir.write("config.json", R"({"model_type": "x"})");
  EXPECT_TRUE(test::contains(test::user_error([&] { read_hf_configuration(dir.path(), known); }),
                             "expected llama, toy, got 'x'"));
  dir.write("config.json", R"({"model_type": "toy", "architectures": ["LlamaForCausalLM"]})");
  EXPECT_TRUE(test::contains(test::user_error([&] { read_hf_configuration(dir.path(), known); }),
                             "expected ToyForCausalLM, got 'LlamaForCausalLM'"));
}

/// Every part of a decoder that a family may set, against the same in ATen's own words.
TEST(DecoderParts, AgainstTheFormula) {
  const at::NoGradGuard no_grad;
  nn::Decoder model = tests::tiny_llama();
  const auto norm = [](int64_t size, uint64_t seed) {
    return 1 + tests::random_tensor({size}, seed, at::kFloat, 0.2);
  };
  nn::DecoderLayer& layer = model.layers[0];
  model.layers.resize(1);
  layer.q_norm = norm(4, 11);
  layer.k_norm = norm(8, 12);
  layer.attention_output_norm = norm(16, 13);
  layer.feed_forward_output_norm = norm(16, 14);
  layer.attention = {.scale = 0.4, .soft_cap = 3, .window = 2, .rope = -1};
  layer.activation = nn::Activation::gelu_tanh;
  model.embedding_scale = 3;
  model.residual_scale = 0.7;
  model.logit_scale = 0.25;
  model.logit_soft_cap = 5;
  const at::Tensor tokens = tests::random_tokens(6);
  const std::vector<int64_t> lengths = {6};

  const auto rms = [](const at::Tensor& x, const at::Tensor& w) {
    return w * x / (x.square().mean(-1, true) + 1e-5).sqrt();
  };
  const auto linear = [](const at::Tensor& x, const nn::NamedLinear& l) {
    return at::linear(x, l.linear.weight);
  };
  at::Tensor x = at::embedding(model.embedding, tokens) * 3;
  at::Tensor n = rms(x, layer.attention_norm);
  const at::Tensor q = rms(linear(n, layer.qkv[0]).view({6, 4, 4}), layer.q_norm);
  const at::Tensor k = rms(linear(n, layer.qkv[1]), layer.k_norm).view({6, 2, 4});
  const at::Tensor v = linear(n, layer.qkv[2]).view({6, 2, 4});
  const at::Tensor mixed = nn::plain_packed_attention(q, k, v, lengths, layer.attention);
  x = x + 0.7 * rms(linear(mixed, layer.o), layer.attention_output_norm);
  n = rms(x, layer.feed_forward_norm);
  const at::Tensor inner =
      at::gelu(linear(n, layer.gate_up[0]), "tanh") * linear(n, layer.gate_up[1]);
  x = x + 0.7 * rms(linear(inner, layer.down), layer.feed_forward_output_norm);
  const at::Tensor z = at::linear(rms(x, model.norm), model.lm_head.weight) * 0.25;
  const at::Tensor logits = 5 * at::tanh(z / 5);

  const at::Tensor h = model.hidden(tokens, lengths);
  EXPECT_LE(tests::relative_error(h, x), 2e-6);
  EXPECT_LE(tests::relative_error(model.logits(h), logits), 2e-6);
  const at::Tensor losses = at::cross_entropy_loss(logits, tokens, {}, at::Reduction::None);
  EXPECT_LE(tests::relative_error(model.scores(h, tokens).losses, losses), 2e-6);

  // One projection with the rows of all is the same model; so are fewer, cached tokens at a time.
  nn::Decoder fused = model;
  const auto weight = [](const nn::NamedLinear& l) { return l.linear.weight; };
  const auto one = [&](const std::vector<nn::NamedLinear>& parts, const char* name) {
    std::vector<at::Tensor> rows;
    for (const nn::NamedLinear& part : parts) rows.push_back(weight(part));
    return std::vector<nn::NamedLinear>{{name, {at::cat(rows), {}, nullptr}}};
  };
  fused.layers[0].qkv = one(layer.qkv, "self_attn.qkv_proj");
  fused.layers[0].gate_up = one(layer.gate_up, "mlp.gate_up_proj");
  EXPECT_LE(tests::relative_error(fused.hidden(tokens, lengths), x), 2e-6);
  nn::KvCache cache = fused.make_cache();
  const int64_t slot = cache.open(6);
  std::vector<at::Tensor> steps;
  for (const int64_t count : {3, 1, 2}) {
    const int64_t first = cache.length(slot);
    const nn::NewTokens part = {slot, count};
    steps.push_back(fused.hidden(tokens.narrow(0, first, count), {&part, 1}, cache));
  }
  EXPECT_LE(tests::relative_error(at::cat(steps), x), 2e-6);
}

}  // namespace
}  // namespace matlora::model
