#include <gtest/gtest.h>

#include "matlora/base/json.h"
#include "matlora/model/families/family.h"
#include "tests/support/gguf_builder.h"

namespace matlora::model {
namespace {

using Kind = RopeScaling::Kind;
using test::GgufBuilder;

struct HfConfigTest : ::testing::Test {
  test::TempDir dir;
  Json json = {{"model_type", "llama"},       {"architectures", {"LlamaForCausalLM"}},
               {"vocab_size", 100},           {"hidden_size", 64},
               {"intermediate_size", 128},    {"num_hidden_layers", 2},
               {"num_attention_heads", 4},    {"num_key_value_heads", 2},
               {"rms_norm_eps", 1e-5},        {"rope_theta", 50000.0},
               {"eos_token_id", 2},           {"bos_token_id", 1},
               {"tie_word_embeddings", true}, {"max_position_embeddings", 512}};

  Hyperparameters read() {
    dir.write("config.json", json.dump());
    return read_hf_configuration(dir.path()).of;
  }
  std::string error_with(const char* key, const Json& value) {
    const Json before = json;
    json[key] = value;
    std::string message = test::user_error([&] { read(); });
    json = before;
    return message;
  }
};

#define EXPECT_REFUSED(key, value, part) EXPECT_TRUE(test::contains(error_with(key, value), part))

TEST_F(HfConfigTest, ReadsTheFields) {
  const Hyperparameters config = read();
  EXPECT_EQ(config.vocab_size, 100);
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.intermediate_size, 128);
  EXPECT_EQ(config.num_layers, 2);
  EXPECT_EQ(config.num_heads, 4);
  EXPECT_EQ(config.num_kv_heads, 2);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.max_position_embeddings, 512);
  EXPECT_EQ(config.rms_norm_eps, 1e-5);
  EXPECT_EQ(config.ropes[0].theta, 50000);
  EXPECT_EQ(config.ropes[0].scaling.kind, Kind::none);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_FALSE(config.attention_bias);
  EXPECT_FALSE(config.mlp_bias);
  EXPECT_EQ(config.eos_token_ids, std::vector<int64_t>{2});
  EXPECT_EQ(config.bos_token_id, 1);
}

TEST_F(HfConfigTest, AbsentAndNullTakeTransformersDefaults) {
  for (const char* key : {"num_key_value_heads", "tie_word_embeddings", "eos_token_id",
                          "bos_token_id", "rope_theta", "architectures"}) {
    json.erase(key);
  }
  json["head_dim"] = nullptr;
  json["rope_scaling"] = nullptr;
  const Hyperparameters config = read();
  EXPECT_EQ(config.num_kv_heads, 4);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.ropes[0].theta, 10000);
  EXPECT_FALSE(config.tie_word_embeddings);
  EXPECT_TRUE(config.eos_token_ids.empty());
  EXPECT_FALSE(config.bos_token_id.has_value());
}

TEST_F(HfConfigTest, HeadDimAndBiasesAsGiven) {
  json["head_dim"] = 32;
  json["attention_bias"] = json["mlp_bias"] = true;
  EXPECT_EQ(read().head_dim, 32);
  EXPECT_TRUE(read().attention_bias);
  EXPECT_TRUE(read().attention_output_bias);
  EXPECT_TRUE(read().mlp_bias);
}

TEST_F(HfConfigTest, RopeScalingOfEitherAge) {
  json["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  EXPECT_EQ(read().ropes[0].scaling.kind, Kind::linear);
  EXPECT_EQ(read().ropes[0].scaling.factor, 2);
  json["rope_parameters"] = {{"rope_type", "llama3"},  {"factor", 8.0},
                             {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0},
                             {"rope_theta", 500000.0}, {"original_max_position_embeddings", 256}};
  const Hyperparameters config = read();
  EXPECT_EQ(config.ropes[0].theta, 500000);
  EXPECT_EQ(config.ropes[0].scaling.kind, Kind::llama3);
  EXPECT_EQ(config.ropes[0].scaling.factor, 8);
  EXPECT_EQ(config.ropes[0].scaling.low_freq_factor, 1);
  EXPECT_EQ(config.ropes[0].scaling.high_freq_factor, 4);
  EXPECT_EQ(config.ropes[0].scaling.original_max_position_embeddings, 256);
  json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 7.0}};
  EXPECT_EQ(read().ropes[0].scaling.kind, Kind::none);
  EXPECT_EQ(read().ropes[0].theta, 7);
}

TEST_F(HfConfigTest, GenerationConfigsEosWins) {
  dir.write("generation_config.json", R"({"eos_token_id": [5, 6]})");
  EXPECT_EQ(read().eos_token_ids, (std::vector<int64_t>{5, 6}));
  dir.write("generation_config.json", R"({"eos_token_id": null})");
  EXPECT_EQ(read().eos_token_ids, std::vector<int64_t>{2});
  dir.write("generation_config.json", "[]");
  EXPECT_USER_ERROR(read(), "generation_config.json: expected a JSON object");
}

TEST_F(HfConfigTest, RefusesOtherModels) {
  EXPECT_REFUSED("model_type", "falcon", "'model_type': expected llama, mistral, qwen2, ");
  EXPECT_REFUSED("model_type", "falcon", ", granite, got 'falcon'");
  EXPECT_REFUSED("model_type", "mixtral",
                 "model_type 'mixtral': mixtures of experts are not supported");
  EXPECT_REFUSED("model_type", "lfm2", "layers other than attention are not supported");
  EXPECT_REFUSED("architectures", Json::array({"LlamaForX"}), "expected LlamaForCausalLM");
  EXPECT_REFUSED("architectures", Json::array(), "expected LlamaForCausalLM");
  EXPECT_REFUSED("hidden_act", "gelu", "'hidden_act': expected silu, got 'gelu'");
  EXPECT_REFUSED("quantization_config", Json::object(), "'quantization_config': quantized");
  EXPECT_REFUSED("pretraining_tp", 2, "'pretraining_tp': expected an integer in 1..1, got 2");
}

TEST_F(HfConfigTest, RefusesSizesThatAreMissingOrDoNotFit) {
  EXPECT_REFUSED("hidden_size", nullptr, "config.json: 'hidden_size' is missing");
  EXPECT_REFUSED("hidden_size", 0, "'hidden_size': expected an integer in 1..16777216, got 0");
  EXPECT_REFUSED("num_hidden_layers", -1, "'num_hidden_layers': expected an integer");
  EXPECT_REFUSED("vocab_size", 1e9, "'vocab_size': expected an integer");
  EXPECT_REFUSED("num_key_value_heads", 3, "heads (4) is not a multiple of that of key/value");
  EXPECT_REFUSED("num_attention_heads", 6, "hidden_size (64) is not a multiple");
  EXPECT_REFUSED("head_dim", 15, "head_dim: expected an even number, got 15");
  EXPECT_REFUSED("rms_norm_eps", 0, "'rms_norm_eps': expected a positive number");
  EXPECT_REFUSED("eos_token_id", "x", "'eos_token_id': expected an integer");
}

TEST_F(HfConfigTest, RefusesOtherRope) {
  EXPECT_REFUSED("rope_scaling", Json({{"type", "dynamic"}, {"factor", 2}}),
                 "'rope_type': expected default, linear, llama3, yarn or longrope, got 'dynamic'");
  EXPECT_REFUSED("rope_scaling", Json({{"type", "linear"}}), "'factor' is missing");
  EXPECT_REFUSED("rope_scaling", Json({{"type", "linear"}, {"factor", -1}}), "rope scaling factor");
  EXPECT_REFUSED("rope_parameters", Json({{"partial_rotary_factor", 0.5}}), "partial rotary");
  EXPECT_REFUSED("rope_theta", 0, "'rope_theta': expected a positive number");
}

#undef EXPECT_REFUSED

struct GgufConfigTest : ::testing::Test {
  test::TempDir dir;
  GgufBuilder file = base();

  static GgufBuilder base() {
    GgufBuilder file;
    file.string("general.architecture", "llama").u32("llama.embedding_length", 64);
    file.u32("llama.feed_forward_length", 128).u32("llama.block_count", 2);
    file.u32("llama.attention.head_count", 4).u32("llama.context_length", 512);
    file.f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    file.strings("tokenizer.ggml.tokens", {"a", "b", "c"});
    return file;
  }
  Hyperparameters read() {
    const auto opened = format::Gguf::open(dir.write("x.gguf", file.bytes()));
    return read_gguf_configuration(opened).of;
  }
};

TEST_F(GgufConfigTest, DefaultsOfAFileThatSaysLittle) {
  const Hyperparameters config = read();
  EXPECT_EQ(config.vocab_size, 3);
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.intermediate_size, 128);
  EXPECT_EQ(config.num_layers, 2);
  EXPECT_EQ(config.num_heads, 4);
  EXPECT_EQ(config.num_kv_heads, 4);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.max_position_embeddings, 512);
  EXPECT_EQ(config.rms_norm_eps, static_cast<double>(1e-5f));
  EXPECT_EQ(config.ropes[0].theta, 10000);
  EXPECT_EQ(config.ropes[0].scaling.kind, Kind::none);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_TRUE(config.eos_token_ids.empty());
}

TEST_F(GgufConfigTest, ReadsWhatIsSaid) {
  file.u32("llama.attention.head_count_kv", 2).u32("llama.attention.key_length", 32);
  file.u32("llama.rope.dimension_count", 32).u32("llama.vocab_size", 99);
  file.f32("llama.rope.freq_base", 100000).string("llama.rope.scaling.type", "linear");
  file.f32("llama.rope.scaling.factor", 4).u32("tokenizer.ggml.eos_token_id", 2);
  file.u32("tokenizer.ggml.eot_token_id", 1).u32("tokenizer.ggml.bos_token_id", 0);
  for (const char* name : {"output.weight", "blk.0.attn_q.bias", "blk.0.ffn_gate.bias"}) {
    file.tensor(name, {1}, 0, "abcd");
  }
  const Hyperparameters config = read();
  EXPECT_EQ(config.num_kv_heads, 2);
  EXPECT_EQ(config.head_dim, 32);
  EXPECT_EQ(config.vocab_size, 99);
  EXPECT_EQ(config.ropes[0].theta, 100000);
  EXPECT_EQ(config.ropes[0].scaling.kind, Kind::linear);
  EXPECT_EQ(config.ropes[0].scaling.factor, 4);
  EXPECT_EQ(config.eos_token_ids, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(config.bos_token_id, 0);
  EXPECT_FALSE(config.tie_word_embeddings);
  EXPECT_TRUE(config.attention_bias);
  EXPECT_TRUE(config.mlp_bias);
}

// A bias anywhere is one everywhere: loading then names the layer that lacks it.
TEST_F(GgufConfigTest, ABiasOfAnyLayerCounts) {
  for (const char* name : {"blk.1.attn_q.bias", "blk.0.attn_k.bias", "blk.1.attn_v.bias"}) {
    file = base().tensor(name, {1}, 0, "abcd");
    EXPECT_TRUE(read().attention_bias) << name;
    EXPECT_FALSE(read().attention_output_bias) << name;
  }
  file = base().tensor("blk.1.attn_output.bias", {1}, 0, "abcd");
  EXPECT_TRUE(read().attention_output_bias);
  EXPECT_FALSE(read().attention_bias);
  for (const char* name : {"blk.1.ffn_gate.bias", "blk.0.ffn_up.bias", "blk.1.ffn_down.bias"}) {
    file = base().tensor(name, {1}, 0, "abcd");
    EXPECT_TRUE(read().mlp_bias) << name;
  }
}

TEST_F(GgufConfigTest, RefusesOtherArchitectures) {
  file = GgufBuilder().string("general.architecture", "gemma");
  EXPECT_USER_ERROR(read(), "'general.architecture': expected llama, qwen2, qwen3, gemma2, ");
  file = base().u32("llama.expert_count", 8);
  EXPECT_USER_ERROR(read(), "mixtures of experts are not supported");
}

TEST_F(GgufConfigTest, RefusesWhatNnCannotDo) {
  file = base().u32("llama.rope.dimension_count", 8);
  EXPECT_USER_ERROR(read(), "expected 16 (the size of a head), got 8; partial rotary");
  file = base().string("llama.rope.scaling.type", "x");
  EXPECT_USER_ERROR(read(), "'llama.rope.scaling.type': expected none, linear or yarn, got 'x'");
  file = base().u32("llama.attention.head_count_kv", 3);
  EXPECT_USER_ERROR(read(), "is not a multiple of that of key/value heads (3)");
  file = GgufBuilder().string("general.architecture", "llama");
  EXPECT_USER_ERROR(read(), "'tokenizer.ggml.tokens' is missing");
}

}  // namespace
}  // namespace matlora::model
