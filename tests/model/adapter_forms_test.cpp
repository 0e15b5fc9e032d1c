// Adapters that others made and that cannot be used: each is one error that names what is wrong.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "matlora/base/json.h"
#include "matlora/format/safetensors.h"
#include "matlora/model/adapter_for.h"
#include "matlora/model/tensors.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch_builder.h"

namespace matlora::model {
namespace {

using test::GgufBuilder;
using tests::expect_has;
using tests::user_error;

const std::string kQuery = "model.layers.0.self_attn.q_proj";

std::string zeros(size_t count) { return std::string(4 * count, '\0'); }

class AdapterForms : public ::testing::Test {
 protected:
  std::string error_of(const fs::path& path) const {
    return user_error([&] { load_adapter(path, at::kCPU); });
  }
  tests::TempDir directory_;
};

class PeftForms : public AdapterForms {
 protected:
  PeftForms() { put_config(Json::object()); }

  void put_config(const Json& changes) const {
    Json config = {{"peft_type", "LORA"}, {"r", 2}, {"target_modules", {"q_proj"}}};
    config.update(changes);
    directory_.write("adapter_config.json", config.dump());
  }

  /// `names`: of A and B, in turns.
  void put_tensors(const std::vector<std::string>& names) const {
    const at::Tensor a = at::ones({2, 3}), b = at::ones({4, 2});
    std::vector<format::TensorView> views;
    for (size_t i = 0; i < names.size(); ++i) views.push_back(view_of(names[i], i % 2 ? b : a));
    format::write_safetensors(directory_.path() / "adapter_model.safetensors", views, {});
  }
  std::string load_error() const { return error_of(directory_.path()); }
};

TEST_F(PeftForms, StylesOfNames) {
  for (const std::string prefix : {"base_model.model.", ""}) {
    for (const std::string name : {"", ".default", ".my-adapter_2"}) {
      put_tensors({prefix + kQuery + ".lora_A" + name + ".weight",
                   prefix + kQuery + ".lora_B" + name + ".weight"});
      const LoadedAdapter loaded = load_adapter(directory_.path(), at::kCPU);
      ASSERT_EQ(loaded.adapter.layers.size(), 1u);
      EXPECT_EQ(loaded.adapter.layers[0].layer, kQuery);
    }
  }
  for (const std::string& name :
       {kQuery + ".lora_A", kQuery + ".lora_A.a.b.weight", kQuery + ".lora_A..weight",
        kQuery + ".lora_C.weight", kQuery + ".lora_A.bias", std::string(".lora_A.weight"),
        std::string("lora_A.weight"), kQuery + ".weight", kQuery + ".lora_Aweight",
        std::string("base_model.model.lora_A.weight")}) {
    put_tensors({name, kQuery + ".lora_B.weight"});
    expect_has(load_error(), "tensor '" + name + "' is not a LoRA matrix");
  }
  put_tensors({kQuery + ".lora_A.one.weight", kQuery + ".lora_B.two.weight"});
  expect_has(load_error(), "is of another adapter than the first ('one'); expected one adapter");
  put_tensors({kQuery + ".lora_A.weight", kQuery + ".lora_B.default.weight"});
  expect_has(load_error(), "is of another adapter than the first");
  put_tensors({kQuery + ".lora_A.weight", kQuery + ".lora_B.weight",
               "base_model.model." + kQuery + ".lora_A.weight"});
  expect_has(load_error(), kQuery + ": lora_A is there twice");
}

TEST_F(PeftForms, MatricesThatTheTargetsDoNotName) {
  const std::string key = "model.layers.0.self_attn.k_proj";
  put_tensors({kQuery + ".lora_A.weight", kQuery + ".lora_B.weight", key + ".lora_A.weight",
               key + ".lora_B.weight"});
  const std::string refusal = "adapter_model.safetensors: has matrices for " + key +
                              ", which the configuration's target_modules";
  expect_has(load_error(), refusal);
  put_config({{"target_modules", ".*\\.q_proj"}});
  expect_has(load_error(), refusal);
  put_config({{"target_modules", "all-linear"}, {"exclude_modules", {"k_proj"}}});
  expect_has(load_error(), refusal);
  put_config({{"target_modules", {"q_proj", "k_proj"}}, {"layers_to_transform", {1}}});
  expect_has(load_error(), "has matrices for " + kQuery);
  for (const Json& targets : {Json("all-linear"), Json(nullptr), Json{"q_proj", "k_proj"}}) {
    put_config({{"target_modules", targets}});
    EXPECT_EQ(load_adapter(directory_.path(), at::kCPU).adapter.layers.size(), 2u);
  }
}

TEST_F(PeftForms, OptionsThatCannotBeHonoured) {
  put_tensors({kQuery + ".lora_A.weight", kQuery + ".lora_B.weight"});
  for (const auto& [key, value] : std::vector<std::pair<std::string, Json>>{
           {"use_dora", true},
           {"bias", "lora_only"},
           {"bias", "all"},
           {"lora_bias", true},
           {"modules_to_save", {"lm_head"}},
           {"trainable_token_indices", {1, 2}},
           {"trainable_token_indices", {{"embed_tokens", {1}}}},
           {"target_parameters", {"mlp.experts.gate_up_proj"}},
           {"alora_invocation_tokens", {1, 2}},
           {"megatron_config", {{"tensor_model_parallel_size", 1}}},
           {"layer_replication", {{0, 4}, {2, 5}}},
           {"use_qalora", true},
           {"use_bdlora", {{"nblocks", 2}}},
           {"arrow_config", {{"top_k", 3}}},
           {"monteclora_config", {{"num_samples", 3}}},
           {"kasa_config", {{"beta", 1}}},
           {"init_lora_weights", "pissa"},
           {"init_lora_weights", "pissa_niter_16"},
           {"init_lora_weights", "loftq"},
           {"init_lora_weights", "olora"},
           {"an_option_of_the_future", 1}}) {
    put_config({{key, value}});
    const std::string message = load_error();
    expect_has(message, "adapter_config.json: '" + key + "' = ");
    expect_has(message, " is not supported");
  }
  for (const char* type : {"IA3", "ADALORA", "LOHA", "PREFIX_TUNING", "VERA", "lora"}) {
    put_config({{"peft_type", type}});
    expect_has(load_error(), cat("'peft_type': expected LORA, got ", type));
  }
  // What changes nothing that is computed here.
  put_config({{"fan_in_fan_out", true},
              {"lora_dropout", 0.1},
              {"megatron_core", "megatron.core"},
              {"qalora_group_size", 16},
              {"loftq_config", {{"loftq_bits", 4}}},
              {"eva_config", {{"rho", 2.0}}},
              {"init_lora_weights", "eva"},
              {"runtime_config", {{"ephemeral_gpu_offload", false}}},
              {"ensure_weight_tying", true},
              {"task_type", nullptr},
              {"peft_version", "0.21.2"},
              {"use_dora", false},
              {"target_parameters", nullptr}});
  EXPECT_EQ(load_adapter(directory_.path(), at::kCPU).adapter.layers.size(), 1u);
}

TEST_F(PeftForms, TheFirstPatternInTheFilesOrderDecides) {
  put_tensors({kQuery + ".lora_A.weight", kQuery + ".lora_B.weight"});
  for (const auto& [patterns, alpha] : std::vector<std::pair<std::string, double>>{
           {R"({"q_proj": 6, "0.self_attn.q_proj": 20})", 6},
           {R"({"0.self_attn.q_proj": 20, "q_proj": 6})", 20},
           {R"({"k_proj": 1, "q_.*": 4, "q_proj": 6})", 4}}) {
    directory_.write("adapter_config.json",
                     R"({"alpha_pattern": )" + patterns +
                         R"(, "peft_type": "LORA", "r": 2, "target_modules": ["q_proj"]})");
    const LoadedAdapter loaded = load_adapter(directory_.path(), at::kCPU);
    EXPECT_NEAR(loaded.adapter.layers[0].b[0][0].item<double>(), alpha / 2, 1e-6) << patterns;
  }
}

TEST_F(PeftForms, PicklesThatAreNone) {
  directory_.write("adapter_model.bin", "x");
  expect_has(load_error(), "adapter_model.bin: not a file of torch.save");
  directory_.write("adapter_model.bin",
                   test::torch_file_of(test::p_dict({{"x", test::p_name("os", "system")}})));
  expect_has(load_error(), "a pickle that names os.system");
  const auto tensor = [](std::vector<int32_t> shape) {
    return test::p_tensor({.shape = shape, .strides = {shape[1], 1}});
  };
  directory_.write(
      "adapter_model.bin",
      test::torch_file_of(test::p_dict({{kQuery + ".lora_A.weight", tensor({2, 3})},
                                        {kQuery + ".lora_B.weight", tensor({3, 2})}})));
  const LoadedAdapter loaded = load_adapter(directory_.path(), at::kCPU);
  EXPECT_EQ(loaded.adapter.layers[0].b[2][1].item<float>(), 5);
  // The safetensors file wins, as in PEFT.
  put_tensors({kQuery + ".lora_A.weight", kQuery + ".lora_B.weight"});
  EXPECT_EQ(load_adapter(directory_.path(), at::kCPU).file.filename(), "adapter_model.safetensors");
}

TEST_F(PeftForms, AnAdapterThatDoesNothing) {
  adapter::Adapter adapter;
  expect_has(user_error([&] { check_does_something(adapter, "here"); }), "it has no layers");
  adapter.layers = {{"a", at::ones({2, 3}), at::zeros({4, 2})},
                    {"b", at::zeros({2, 3}), at::ones({4, 2})}};
  expect_has(user_error([&] { check_does_something(adapter, "here"); }),
             "here: the adapter changes nothing: ");
  adapter.layers[0].b[3][1] = 1e-30;
  EXPECT_NO_THROW(check_does_something(adapter, "here"));
}

class GgufForms : public AdapterForms {
 protected:
  static GgufBuilder header(const std::string& architecture = "qwen2") {
    GgufBuilder file;
    file.string("general.architecture", architecture);
    file.string("general.type", "adapter").string("adapter.type", "lora");
    return file;
  }
  static GgufBuilder good() {
    GgufBuilder file = header();
    file.f32("adapter.lora.alpha", 3);
    return file.tensor("blk.0.attn_q.weight.lora_a", {3, 2}, 0, zeros(6))
        .tensor("blk.0.attn_q.weight.lora_b", {2, 4}, 0, zeros(8));
  }
  fs::path write(const GgufBuilder& file) const { return directory_.write("a.gguf", file.bytes()); }
  std::string error_of_file(const GgufBuilder& file) const { return error_of(write(file)); }
};

TEST_F(GgufForms, NamesScalesAndShapes) {
  const LoadedAdapter loaded = load_adapter(write(good()), at::kCPU);
  EXPECT_EQ(loaded.adapter.layers.at(0).layer, kQuery);
  EXPECT_EQ(loaded.adapter.layers[0].a.sizes(), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(loaded.adapter.layers[0].b.sizes(), (std::vector<int64_t>{4, 2}));
  EXPECT_EQ(adapter::scale(loaded.adapter.rule, 2), 1.5);
  EXPECT_EQ(adapter::scale(loaded.adapter.rule, 1), 3);
  // Without alpha the scale is 1, as in llama.cpp.
  GgufBuilder plain = header();
  plain.tensor("blk.11.ffn_down.weight.lora_b", {2, 4}, 0, zeros(8))
      .tensor("blk.11.ffn_down.weight.lora_a", {3, 2}, 0, zeros(6));
  const LoadedAdapter other = load_adapter(write(plain), at::kCPU);
  EXPECT_EQ(other.adapter.layers.at(0).layer, "model.layers.11.mlp.down_proj");
  EXPECT_EQ(adapter::scale(other.adapter.rule, 2), 1);
}

TEST_F(GgufForms, WhatIsWrongIsNamed) {
  const auto with = [](const std::string& name, const std::vector<uint64_t>& shape) {
    size_t items = 1;
    for (const uint64_t size : shape) items *= size;
    GgufBuilder file = good();
    return file.tensor(name, shape, 0, zeros(items));
  };
  for (const auto& [name, part] : std::vector<std::pair<std::string, std::string>>{
           {"blk.0.attn_norm.weight", "it is a norm's weight"},
           {"rope_freqs.weight", "expected <tensor>.lora_a or .lora_b"},
           {"blk.0.attn_q.lora_a", "the architecture qwen2 has no tensor 'blk.0.attn_q'"},
           {"blk.0.attn_qkv.weight.lora_a", "has no tensor 'blk.0.attn_qkv.weight'"},
           {"blk.00.attn_q.weight.lora_a", "has no tensor"},
           {"blk.-1.attn_q.weight.lora_a", "has no tensor"},
           {"blk.99999999999999999999.attn_q.weight.lora_a", "has no tensor"},
           {"blk..attn_q.weight.lora_a", "has no tensor"},
           {"token_embd.weight.lora_a", "LoRA on 'token_embd.weight', which is not supported"},
           {"output.weight.lora_b", "LoRA on 'output.weight', which is not supported"},
           {"blk.0.attn_k.weight.lora_a", "self_attn.k_proj: its lora_b is missing"},
           {"blk.0.attn_k.weight.lora_b", "self_attn.k_proj: its lora_a is missing"}}) {
    expect_has(error_of_file(with(name, {3, 2})), part);
  }
  expect_has(error_of_file(with("blk.0.attn_k.weight.lora_a", {3})), "expected a matrix, got");
  expect_has(error_of_file(with("blk.0.attn_k.weight.lora_a", {3, 0})), "expected a matrix, got");
  GgufBuilder uneven = with("blk.0.attn_k.weight.lora_a", {3, 2});
  expect_has(error_of_file(uneven.tensor("blk.0.attn_k.weight.lora_b", {3, 4}, 0, zeros(12))),
             "expected one rank in both matrices, got lora_a [2, 3] and lora_b [4, 3]");
  GgufBuilder infinite = with("blk.0.attn_k.weight.lora_a", {3, 2});
  infinite.data[infinite.data.size() - 1] = '\x7f';
  infinite.data[infinite.data.size() - 2] = '\x80';
  expect_has(error_of_file(infinite), "expected finite numbers, got infinity at [1, 2]");
  GgufBuilder integers = good();
  integers.tensor("blk.0.attn_k.weight.lora_a", {3, 2}, 26, zeros(6));
  expect_has(error_of_file(integers), "tensor type I32 is not supported");
  expect_has(error_of_file(header()), "the file holds no matrices");
}

TEST_F(GgufForms, Metadata) {
  GgufBuilder model;
  model.string("general.architecture", "llama").string("general.type", "model");
  expect_has(error_of_file(model),
             "'general.type': expected adapter (a file of LoRA matrices), "
             "got 'model'; it is a model, not an adapter");
  GgufBuilder vector;
  vector.string("general.type", "adapter").string("adapter.type", "control_vector");
  expect_has(error_of_file(vector), "'adapter.type': expected lora");
  GgufBuilder activated = good();
  activated.pair("adapter.alora.invocation_tokens", test::kArray,
                 test::raw(uint32_t{test::kU32}) + test::raw(uint64_t{1}) + test::raw(uint32_t{7}));
  expect_has(error_of_file(activated), "'adapter.alora.invocation_tokens' (activated LoRA)");
  expect_has(error_of_file(header("bert")), "'general.architecture': expected llama, ");
  GgufBuilder alpha = header();
  expect_has(error_of_file(alpha.string("adapter.lora.alpha", "3")
                               .tensor("blk.0.attn_q.weight.lora_a", {3, 2}, 0, zeros(6))),
             "lora_b is missing");
  GgufBuilder text = good();
  expect_has(error_of(directory_.write("not.gguf", "something")), "not.gguf: ");
  const std::string bytes = text.bytes();
  for (size_t size = 0; size < bytes.size(); size += 7) {
    error_of(directory_.write("cut.gguf", bytes.substr(0, size)));
  }
}

class ReferenceForms : public AdapterForms {
 protected:
  using Tensors = std::vector<std::pair<std::string, std::vector<int32_t>>>;
  fs::path write(const Tensors& tensors) const {
    std::vector<std::pair<std::string, std::string>> items;
    for (const auto& [name, shape] : tensors) {
      const std::vector<int32_t> strides = {shape.size() > 1 ? shape[1] : 1, 1};
      items.emplace_back(name, test::p_tensor({.shape = shape, .strides = strides}));
      if (shape.size() == 1) items.back().second = test::p_tensor({.shape = shape, .strides = {1}});
    }
    return directory_.write("lora_adapters_step=00001.pt",
                            test::torch_file_of(test::p_dict(items)));
  }
};

TEST_F(ReferenceForms, MatricesAreTurned) {
  const LoadedAdapter loaded =
      load_adapter(write({{kQuery + ".lora_A", {3, 2}}, {kQuery + ".lora_B", {2, 3}}}), at::kCPU);
  const adapter::LayerAdapter& layer = loaded.adapter.layers.at(0);
  EXPECT_EQ(layer.layer, kQuery);
  EXPECT_TRUE(at::equal(layer.a, at::tensor({0.f, 2.f, 4.f, 1.f, 3.f, 5.f}).view({2, 3})));
  EXPECT_TRUE(at::equal(layer.b, at::tensor({0.f, 3.f, 1.f, 4.f, 2.f, 5.f}).view({3, 2})));
  EXPECT_EQ(loaded.adapter.rule.scaling, adapter::Scaling::sqrt);
}

TEST_F(ReferenceForms, WhatIsWrongIsNamed) {
  const std::string a = kQuery + ".lora_A", b = kQuery + ".lora_B";
  for (const auto& [tensors, part] : std::vector<std::pair<Tensors, std::string>>{
           {{{a, {3, 2}}}, kQuery + ": lora_B is missing"},
           {{{b, {3, 2}}}, kQuery + ": lora_A is missing"},
           {{{a, {3, 2}}, {b, {3, 2}}},
            "of one rank R in all layers (2 in the first), got [3, 2] "},
           {{{a, {3, 2}}, {b, {2, 3}}, {"x.lora_A", {2, 3}}, {"x.lora_B", {3, 2}}},
            "x: expected lora_A [in, R] and lora_B [R, out] of one rank"},
           {{{a, {6}}, {b, {2, 3}}}, "expected a matrix, got shape [6]"},
           {{{a, {0, 2}}, {b, {2, 3}}}, "expected a matrix, got shape [0, 2]"},
           {{{kQuery + ".weight", {2, 3}}}, "expected <layer>.lora_A or <layer>.lora_B"},
           {{{".lora_A", {2, 3}}}, "expected <layer>.lora_A or <layer>.lora_B"},
           {{{a + ".weight", {2, 3}}}, "it is PEFT's: name the file adapter_model.bin"},
           {{}, "the file holds no matrices"}}) {
    expect_has(error_of(write(tensors)), part);
  }
  const fs::path path = write({{a, {3, 2}}, {b, {2, 3}}});
  for (const auto& [rule, part] : std::vector<std::pair<std::string, std::string>>{
           {R"({"scaling": "log"})", "lora_adapters.json: unknown value 'log'"},
           {R"({"scale": "sqrt"})", "lora_adapters.json: unknown key 'scale'"},
           {R"({"train_ranks": [1, 3]})", "lora_adapters.json: 'train_ranks'"},
           {R"({"train_ranks": [2, 1]})", "lora_adapters.json: "},
           {R"({"method": "custom"})", "lora_adapters.json: "},
           {"[]", "lora_adapters.json: "}}) {
    directory_.write("lora_adapters.json", rule);
    expect_has(error_of(path), part);
  }
}

}  // namespace
}  // namespace matlora::model
