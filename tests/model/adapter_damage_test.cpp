// Adapters that are wrong say what is wrong with them when they are loaded.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "matlora/base/json.h"
#include "matlora/format/safetensors.h"
#include "matlora/model/adapter_io.h"
#include "matlora/model/tensors.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_llama.h"

namespace matlora::model {
namespace {

using adapter::Adapter;
using adapter::InferenceGate;
using tests::expect_has;
using tests::random_tensor;
using tests::user_error;

const std::string kLayer = "model.layers.0.self_attn.q_proj";
const std::string kStored = "base_model.model." + kLayer;

class AdapterDamage : public ::testing::Test {
 protected:
  void SetUp() override {
    Adapter adapter;
    adapter.rule.rank = 4;
    adapter.rule.train_ranks = {1, 2, 4};
    adapter.layers = {{kLayer, random_tensor({4, 16}, 1), random_tensor({16, 4}, 2)}};
    save_adapter(path(), adapter, {"base", ""});
  }
  const fs::path& path() const { return directory_.path(); }
  void put(const std::string& file, const Json& json) const { directory_.write(file, json.dump()); }
  void put_tensors(const std::vector<std::pair<std::string, at::Tensor>>& tensors) const {
    std::vector<format::TensorView> views;
    views.reserve(tensors.size());
    for (const auto& [name, tensor] : tensors) views.push_back(view_of(name, tensor));
    format::write_safetensors(path() / "adapter_model.safetensors", views, {});
  }
  void plain() const { fs::remove(path() / "matlora.json"); }
  std::string load_error() const {
    return user_error([&] { load_adapter(path(), at::kCPU); });
  }

  tests::TempDir directory_;
};

TEST_F(AdapterDamage, NumbersThatAreNotFinite) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const auto& [number, word] :
       {std::pair(std::nan(""), "NaN"), {kInfinity, "got infinity"}, {-kInfinity, "-infinity"}}) {
    for (const char part : {'A', 'B'}) {
      at::Tensor a = random_tensor({4, 16}, 1), b = random_tensor({16, 4}, 2);
      at::Tensor& bad = part == 'A' ? a : b;
      bad[3][2] = number;
      bad[3][3] = number;
      put_tensors({{kStored + ".lora_A.weight", a}, {kStored + ".lora_B.weight", b}});
      const std::string message = load_error();
      expect_has(message, "adapter_model.safetensors: tensor '" + kStored + ".lora_" + part);
      expect_has(message, word);
      expect_has(message, "at [3, 2] (2 of 64)");
    }
  }
}

TEST_F(AdapterDamage, InEveryDtypeAndWhatFloat32DoesNotHold) {
  // Bytes of two numbers: 1, then one that float32 has no finite number for.
  const std::vector<std::pair<format::DType, std::string>> pairs = {
      {format::DType::f16, std::string("\x00\x3c\x00\x7e", 4)},
      {format::DType::bf16, std::string("\x80\x3f\x80\xff", 4)},
      {format::DType::f64, std::string("\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\xe0\x7f", 16)}};
  const at::Tensor b = at::ones({2, 1});
  for (const auto& [dtype, bytes] : pairs) {
    const std::vector<format::TensorView> views = {
        {kStored + ".lora_A.weight", dtype, {1, 2}, std::as_bytes(std::span(bytes))},
        view_of(kStored + ".lora_B.weight", b)};
    format::write_safetensors(path() / "adapter_model.safetensors", views, {});
    expect_has(load_error(), "at [0, 1] (1 of 2)");
  }
}

TEST_F(AdapterDamage, DtypesThatAreNoPlainNumbers) {
  const std::string bytes(8, 'x');
  for (const auto& [dtype, count] : {std::pair<format::DType, int64_t>{format::DType::f8_e4m3, 8},
                                     {format::DType::f4, 16},
                                     {format::DType::u16, 4},
                                     {format::DType::u64, 1},
                                     {format::DType::c64, 1}}) {
    const format::TensorView view{
        kStored + ".lora_A.weight", dtype, {1, count}, std::as_bytes(std::span(bytes))};
    format::write_safetensors(path() / "adapter_model.safetensors", {&view, 1}, {});
    const std::string message = load_error();
    expect_has(message, "tensor '" + view.name + "': dtype " + format::dtype_name(dtype));
    expect_has(message, "expected F64, F32, F16 or BF16");
  }
}

TEST_F(AdapterDamage, MatricesWithoutNumbersAreNoReasonForMemory) {
  Json config = read_json(path() / "adapter_config.json");
  config["r"] = 1 << 20;
  put("adapter_config.json", config);
  plain();
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1 << 20, 0}, {0, 16}, {0, 0}}) {
    put_tensors({{kStored + ".lora_A.weight", at::zeros({rows, columns})},
                 {kStored + ".lora_B.weight", at::zeros({columns, rows})}});
    expect_has(load_error(), "tensor '" + kStored + ".lora_A.weight' is empty: its shape is [");
  }
  put_tensors({{kStored + ".lora_A.weight", at::zeros({4, 16})},
               {kStored + ".lora_B.weight", at::zeros({16, 4})}});
  expect_has(load_error(), "lora_A: expected rank 1048576 as the configuration says");
}

TEST_F(AdapterDamage, ARankThatNoMatrixHas) {
  Json config = read_json(path() / "adapter_config.json");
  Json own = read_json(path() / "matlora.json");
  config["r"] = own["rank"] = 1 << 20;
  config["rank_pattern"] = {{"q_proj", 4}};
  put("adapter_config.json", config);
  put("matlora.json", own);
  expect_has(load_error(),
             "matlora.json: 'rank': expected 4, the largest of the matrices, got 104");
  plain();
  EXPECT_EQ(load_adapter(path(), at::kCPU).adapter.rule.rank, 4);  // PEFT's r of other modules
}

TEST_F(AdapterDamage, WhatIsNoLoraOfALinearLayer) {
  const at::Tensor a = at::ones({4, 16}), b = at::ones({16, 4});
  const std::string head = "base_model.model.lm_head",
                    words = "base_model.model.model.embed_tokens";
  for (const auto& [name, reason] :
       {std::pair<std::string, std::string>{words + ".lora_embedding_A", "LoRA on an embedding"},
        {words + ".lora_embedding_B", "LoRA on an embedding"},
        {words + ".weight", "a whole module"},
        {words + ".base_layer.weight", "target_modules names a head or an embedding"},
        {head + ".base_layer.weight", "target_modules names a head or an embedding"},
        {head + ".weight", "a whole module"},
        {words + ".token_adapter.trainable_tokens_delta", "rows of an embedding"},
        {kStored + ".lora_magnitude_vector", "DoRA"},
        {kStored + ".lora_B.bias", "a bias"},
        {kStored + ".lora_A.a.b.weight", "expected base_model.model.<layer>.lora_A.weight"}}) {
    put_tensors({{kStored + ".lora_A.weight", a}, {kStored + ".lora_B.weight", b}, {name, a}});
    const std::string message = load_error();
    expect_has(message, "adapter_model.safetensors: tensor '" + name + "' is not a LoRA matrix");
    expect_has(message, reason);
  }
}

TEST_F(AdapterDamage, LoraOnTheHeadIsNotAnotherBaseModel) {
  plain();
  nn::Decoder model = tests::tiny_llama();
  for (const std::string layer : {"lm_head", "model.embed_tokens"}) {
    const std::string refusal = ": the adapter has LoRA on '" + layer + "', which is not supported";
    const at::Tensor a = at::ones({4, 16}), b = at::ones({16, 4});
    put_tensors({{"base_model.model." + layer + ".lora_A.weight", a},
                 {"base_model.model." + layer + ".lora_B.weight", b}});
    expect_has(load_error(), path().string() + refusal);
    Adapter made;
    made.layers = {{layer, a, b}};
    const std::string message = user_error([&] { adapter::check_fits(model, made, "adapter"); });
    expect_has(message, "adapter" + refusal);
    EXPECT_EQ(message.find("another base"), std::string::npos) << message;
  }
  for (const char* key : {"modules_to_save", "trainable_token_indices"}) {
    Json config = read_json(path() / "adapter_config.json");
    config[key] = {"lm_head"};
    put("adapter_config.json", config);
    expect_has(load_error(), "change linear layers and nothing else");
  }
}

TEST_F(AdapterDamage, VersionsOfMatloraJson) {
  const Json good = read_json(path() / "matlora.json");
  EXPECT_EQ(good["format_version"], 1);
  for (const Json& version :
       {Json(2), Json(1000), Json(0), Json(-1), Json("1"), Json(1.5), Json()}) {
    Json own = good;
    own["format_version"] = version;
    put("matlora.json", own);
    expect_has(load_error(), "matlora.json: 'format_version'");
  }
  Json own = good;
  own["format_version"] = 2;
  own["method"] = "one of the future";  // what a newer version may have
  put("matlora.json", own);
  expect_has(load_error(), "'format_version': expected 1, got 2; a newer matlora wrote it");
  own.erase("format_version");
  put("matlora.json", own);
  expect_has(load_error(), "'format_version' is missing");
}

TEST_F(AdapterDamage, WhatIsThereInPlaceOfAnAdapter) {
  const auto error_of = [](const fs::path& at) {
    return user_error([&] { load_adapter(at, at::kCPU); });
  };
  expect_has(error_of(path() / "adapter_model.safetensors"),
             "got a safetensors file; give its dir");
  expect_has(error_of(path() / "adapter_config.json"), "give its directory " + path().string());
  fs::create_directory(path() / "sub");
  expect_has(error_of(path() / "sub"),
             "no adapter_config.json in it; expected an adapter directory, "
             "got an empty directory");
  directory_.write("sub/config.json", "{}");
  expect_has(error_of(path() / "sub"), "got a directory with a model (config.json)");
  expect_has(error_of(path() / "sub/config.json"), "got a file");
  fs::rename(path() / "adapter_model.safetensors", path() / "adapter_model.bin");
  expect_has(load_error(), "adapter_model.bin: not a file of torch.save: expected a zip archive");
  expect_has(error_of(path() / "adapter_model.bin"), "give its directory");
}

TEST_F(AdapterDamage, TargetsComeWithIt) {
  const LoadedAdapter loaded = load_adapter(path(), at::kCPU);
  EXPECT_TRUE(loaded.targets.names("model.layers.7.self_attn.q_proj"));
  EXPECT_EQ(missing_layers(loaded.targets, loaded.adapter.layers), std::vector<std::string>());
}

TEST_F(AdapterDamage, WhatIsWrittenNamesNoLayerThatIsNotThere) {
  Adapter adapter;
  adapter.rule.rank = 2;
  adapter.rule.train_ranks = {1, 2};
  for (const char* name : {"model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj",
                           "model.layers.1.mlp.down_proj"}) {
    adapter.layers.push_back({name, at::ones({2, 16}), at::ones({16, 2})});
  }
  for (const bool slice : {false, true}) {
    if (slice) {
      save_slice(path(), adapter, 1, InferenceGate::paper, {"base", ""});
      plain();
    } else {
      save_adapter(path(), adapter, {"base", ""});
    }
    EXPECT_EQ(read_json(path() / "adapter_config.json")["target_modules"].size(), 3u);
    const LoadedAdapter loaded = load_adapter(path(), at::kCPU);
    EXPECT_EQ(missing_layers(loaded.targets, loaded.adapter.layers), std::vector<std::string>());
  }
}

}  // namespace
}  // namespace matlora::model
