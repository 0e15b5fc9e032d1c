#include "matlora/model/adapter_io.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "matlora/base/json.h"
#include "matlora/format/safetensors.h"
#include "matlora/model/tensors.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_llama.h"

namespace matlora::model {
namespace {

using adapter::Adapter;
using adapter::InferenceGate;
using adapter::Method;
using adapter::Scaling;
using tests::expect_has;
using tests::random_tensor;
using tests::user_error;

const std::string kLayer = "model.layers.0.self_attn.q_proj";
const std::string kStored = "base_model.model." + kLayer;

Adapter random_adapter(Scaling scaling) {
  Adapter adapter;
  adapter.rule.scaling = scaling;
  adapter.rule.rank = 4;
  adapter.rule.train_ranks = {1, 2, 4};
  adapter.layers = {
      {kLayer, random_tensor({4, 6}, 1), random_tensor({5, 4}, 2)},
      {"model.layers.0.mlp.up_proj", random_tensor({4, 6}, 3), random_tensor({7, 4}, 4)}};
  return adapter;
}

class AdapterIo : public ::testing::Test {
 protected:
  const fs::path& path() const { return directory_.path(); }
  Json config() const { return read_json(path() / "adapter_config.json"); }
  Json own() const { return read_json(path() / "matlora.json"); }
  void put(const std::string& file, const Json& json) const { directory_.write(file, json.dump()); }

  /// A plain PEFT adapter of rank 4.
  void save_peft() const {
    save_slice(path(), random_adapter(Scaling::rank), 4, InferenceGate::paper, {"base", "12ab"});
  }
  void put_tensors(const std::vector<std::pair<std::string, at::Tensor>>& tensors) const {
    std::vector<format::TensorView> views;
    views.reserve(tensors.size());
    for (const auto& [name, tensor] : tensors) views.push_back(view_of(name, tensor));
    format::write_safetensors(path() / "adapter_model.safetensors", views, {});
  }
  std::string load_error() const {
    return user_error([&] { load_adapter(path(), at::kCPU); });
  }

  tests::TempDir directory_;
};

TEST_F(AdapterIo, RoundTrip) {
  for (const Method method : {Method::matryoshka, Method::dylora, Method::lora, Method::custom}) {
    Adapter saved = random_adapter(Scaling::sqrt);
    saved.rule.method = method;
    saved.rule.mask = adapter::Mask::binary;
    saved.inference_gate = InferenceGate::trained;
    if (method == Method::custom) saved.rule.custom = {1.5, -2, 0.1, 0};
    save_adapter(path(), saved, {"some/base", "0123abcd"});
    const LoadedAdapter loaded = load_adapter(path(), at::kCPU);
    EXPECT_EQ(loaded.info.base_model, "some/base");
    EXPECT_EQ(loaded.info.base_digest, "0123abcd");
    EXPECT_EQ(loaded.adapter.inference_gate, InferenceGate::trained);
    EXPECT_EQ(loaded.adapter.rule.method, method);
    EXPECT_EQ(loaded.adapter.rule.scaling, Scaling::sqrt);
    EXPECT_EQ(loaded.adapter.rule.mask, adapter::Mask::binary);
    EXPECT_EQ(loaded.adapter.rule.alpha, 1);
    EXPECT_EQ(loaded.adapter.rule.rank, 4);
    EXPECT_EQ(loaded.adapter.rule.train_ranks, (std::vector<int64_t>{1, 2, 4}));
    EXPECT_EQ(loaded.adapter.rule.custom, saved.rule.custom);
    ASSERT_EQ(loaded.adapter.layers.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(loaded.adapter.layers[i].layer, saved.layers[i].layer);
      EXPECT_TRUE(at::equal(loaded.adapter.layers[i].a, saved.layers[i].a));
      EXPECT_TRUE(at::equal(loaded.adapter.layers[i].b, saved.layers[i].b));
    }
  }
}

TEST_F(AdapterIo, SliceHasThePapersScale) {
  struct Expected {
    Scaling scaling;
    bool rslora;
    int64_t alpha;
  };
  for (const Expected& expected :
       {Expected{Scaling::sqrt, true, 1}, Expected{Scaling::rank, false, 1},
        Expected{Scaling::none, false, 3}}) {
    const Adapter full = random_adapter(expected.scaling);
    save_slice(path(), full, 3, InferenceGate::paper, {"base", ""});
    EXPECT_EQ(config()["r"], 3);
    EXPECT_EQ(config()["use_rslora"], expected.rslora);
    EXPECT_EQ(config()["lora_alpha"], expected.alpha);
    EXPECT_TRUE(config()["lora_alpha"].is_number_integer());
    EXPECT_EQ(config()["base_model_name_or_path"], "base");
    EXPECT_EQ(config()["target_modules"], (Json{"q_proj", "up_proj"}));
    EXPECT_FALSE(fs::exists(path() / "matlora.json"));
    const Adapter slice = load_adapter(path(), at::kCPU).adapter;
    EXPECT_EQ(slice.rule.method, Method::lora);
    EXPECT_NEAR(adapter::scale(slice.rule, 3), adapter::scale(full.rule, 3), 1e-15);
    EXPECT_TRUE(at::equal(slice.layers[0].a, full.layers[0].a.narrow(0, 0, 3)));
    EXPECT_TRUE(at::equal(slice.layers[0].b, full.layers[0].b.narrow(1, 0, 3)));
  }
}

TEST_F(AdapterIo, TheTrainedGateIsFoldedIntoB) {
  for (const Scaling scaling : {Scaling::none, Scaling::rank, Scaling::sqrt}) {
    const Adapter full = random_adapter(scaling);
    save_slice(path(), full, 3, InferenceGate::trained, {"base", ""});
    EXPECT_EQ(config()["use_rslora"], false);
    EXPECT_EQ(config()["lora_alpha"], 3);
    const Adapter slice = load_adapter(path(), at::kCPU).adapter;
    EXPECT_EQ(adapter::scale(slice.rule, 3), 1);
    const auto gate = adapter::inference_gate(full.rule, 3, InferenceGate::trained);
    const at::Tensor expected = full.layers[1].b.narrow(1, 0, 3) * at::tensor(gate, at::kFloat);
    EXPECT_TRUE(at::equal(slice.layers[1].b, expected));
    EXPECT_TRUE(at::equal(slice.layers[1].a, full.layers[1].a.narrow(0, 0, 3)));
  }
}

TEST_F(AdapterIo, APlainPeftAdapterBringsItsAlpha) {
  save_peft();
  Json peft = config();
  peft["lora_alpha"] = 8;
  peft["use_rslora"] = true;
  put("adapter_config.json", peft);
  const LoadedAdapter loaded = load_adapter(path(), at::kCPU);
  EXPECT_EQ(adapter::scale(loaded.adapter.rule, 4), 4);
  EXPECT_EQ(adapter::scale(loaded.adapter.rule, 1), 8);
  EXPECT_EQ(loaded.info.base_digest, "");
}

TEST_F(AdapterIo, UnsupportedOptions) {
  save_peft();
  const Json good = config();
  for (const auto& [key, value] : {std::pair<std::string, Json>{"use_dora", true},
                                   {"bias", "all"},
                                   {"rank_pattern", {{"q_proj", -2}}},
                                   {"rank_pattern", {{"q_proj", "2"}}},
                                   {"rank_pattern", {{"q_(", 2}}},
                                   {"rank_pattern", 2},
                                   {"alpha_pattern", {{"q_proj", 0}}},
                                   {"modules_to_save", {"lm_head"}},
                                   {"an_unheard_of_option", 3}}) {
    Json bad = good;
    bad[key] = value;
    put("adapter_config.json", bad);
    const std::string message = load_error();
    expect_has(message, "adapter_config.json");
    expect_has(message, "'" + key + "'");
  }
  Json bad = good;
  bad["peft_type"] = "IA3";
  put("adapter_config.json", bad);
  expect_has(load_error(), "expected LORA, got IA3");
}

/// q_proj of rank 2, up_proj of rank 4.
Adapter uneven_adapter() {
  Adapter adapter = random_adapter(Scaling::none);
  adapter.rule.method = Method::lora;
  adapter.layers[0].a = adapter.layers[0].a.narrow(0, 0, 2);
  adapter.layers[0].b = adapter.layers[0].b.narrow(1, 0, 2);
  return adapter;
}

TEST_F(AdapterIo, RanksPerLayer) {
  const Adapter saved = uneven_adapter();
  save_adapter(path(), saved, {"base", "12ab"});
  EXPECT_EQ(config()["r"], 4);
  EXPECT_EQ(config()["lora_alpha"], 4);
  EXPECT_EQ(config()["rank_pattern"], (Json{{kLayer, 2}}));
  EXPECT_EQ(config()["alpha_pattern"], (Json{{kLayer, 2}}));
  EXPECT_EQ(config()["target_modules"], (Json{"model.layers.0.mlp.up_proj", kLayer}));
  const Adapter loaded = load_adapter(path(), at::kCPU).adapter;
  EXPECT_EQ(loaded.rule.rank, 4);
  EXPECT_EQ(loaded.rule.scaling, Scaling::none);
  EXPECT_EQ(loaded.parameters(4), 2 * (6 + 5) + 4 * (6 + 7));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(at::equal(loaded.layers[i].a, saved.layers[i].a));
    EXPECT_TRUE(at::equal(loaded.layers[i].b, saved.layers[i].b));
  }
}

TEST_F(AdapterIo, ASliceOfRanksPerLayerKeepsThem) {
  for (const auto& [k, first] : {std::pair<int64_t, int64_t>{1, 1}, {3, 2}}) {
    tests::TempDir slice;
    save_slice(slice.path(), uneven_adapter(), k, InferenceGate::paper, {"base", ""});
    const Adapter loaded = load_adapter(slice.path(), at::kCPU).adapter;
    EXPECT_EQ(loaded.rule.rank, k);
    EXPECT_NEAR(adapter::scale(loaded.rule, k), 1, 1e-15);
    EXPECT_EQ(loaded.layers[0].rank(), first);
    EXPECT_EQ(loaded.layers[1].rank(), k);
    EXPECT_TRUE(at::equal(loaded.layers[0].b, uneven_adapter().layers[0].b.narrow(1, 0, first)));
  }
}

// PEFT's scale of a module is its own alpha over its own r; JSON's order of keys does not matter
// where two that name a module agree.
TEST_F(AdapterIo, PatternsOfAPlainPeftAdapter) {
  const Adapter saved = uneven_adapter();
  save_slice(path(), saved, 4, InferenceGate::paper, {"base", ""});
  for (const bool rslora : {false, true}) {
    Json peft = config();
    peft["r"] = 9;
    peft["lora_alpha"] = 12;
    peft["use_rslora"] = rslora;
    peft["rank_pattern"] = {
        {"^model.layers.\\d+.self_attn.q_proj", 2}, {"q_proj", 2}, {"p_proj|mlp.*", 4}};
    peft["alpha_pattern"] = {{"layers.0.self_attn.q_proj", 8}, {"proj", 5}};
    put("adapter_config.json", peft);
    const Adapter loaded = load_adapter(path(), at::kCPU).adapter;
    EXPECT_EQ(loaded.rule.rank, 4);
    EXPECT_EQ(adapter::scale(loaded.rule, 1), 1);
    EXPECT_EQ(adapter::scale(loaded.rule, 4), 1);
    const double first = rslora ? 8 / std::sqrt(2.0) : 4, second = rslora ? 6 : 3;
    EXPECT_LT(tests::relative_error(loaded.layers[0].b, saved.layers[0].b * first), 1e-6);
    EXPECT_LT(tests::relative_error(loaded.layers[1].b, saved.layers[1].b * second), 1e-6);
    EXPECT_TRUE(at::equal(loaded.layers[1].a, saved.layers[1].a));
  }
  Json peft = config();
  peft["rank_pattern"] = {{"q_proj", 3}, {"up_proj", 4}};
  put("adapter_config.json", peft);
  expect_has(load_error(), "q_proj: lora_A: expected rank 3");
}

TEST_F(AdapterIo, FittedGates) {
  Adapter saved = uneven_adapter();
  saved.layers[0].fitted = {{3, {0.5, 2}}};
  saved.layers[1].fitted = {{1, {1.25}}, {3, {0.75, 1, -1}}};
  save_adapter(path(), saved, {"base", "12ab"});
  Adapter loaded = load_adapter(path(), at::kCPU).adapter;
  EXPECT_EQ(loaded.layers[0].fitted, saved.layers[0].fitted);
  EXPECT_EQ(loaded.layers[1].fitted, saved.layers[1].fitted);
  const auto gate = [&](size_t layer, int64_t k) {
    return adapter::layer_gate(loaded.layers[layer], loaded.rule, k, InferenceGate::paper);
  };
  EXPECT_EQ(gate(0, 3), (std::vector<double>{0.5, 2.0}));
  EXPECT_EQ(gate(1, 2), (std::vector<double>{1, 1}));
  // A slice folds them into B.
  tests::TempDir slice;
  save_slice(slice.path(), loaded, 3, InferenceGate::paper, {"base", ""});
  const Adapter cut = load_adapter(slice.path(), at::kCPU).adapter;
  EXPECT_LT(tests::relative_error(cut.layers[1].b, saved.layers[1].b.narrow(1, 0, 3) *
                                                       at::tensor({0.75, 1.0, -1.0}, at::kFloat)),
            1e-6);
  const Json good = own();
  for (const Json& bad :
       {Json{{"9", {{kLayer, {1}}}}}, Json{{"0", {{kLayer, {1}}}}}, Json{{"x", {{kLayer, {1}}}}},
        Json{{"3", {{"layer", {1}}}}}, Json{{"3", {{kLayer, {1}}}}},
        Json{{"3", {{kLayer, {1, "2"}}}}}, Json{{"3", {{kLayer, 2}}}}, Json{{"3", 2}}, Json(3)}) {
    Json json = good;
    json["fitted"] = bad;
    put("matlora.json", json);
    const std::string message = load_error();
    expect_has(message, "matlora.json");
    expect_has(message, "'fitted'");
  }
}

TEST_F(AdapterIo, HowItWasCompressedIsWritten) {
  AdapterInfo info{"base", "12ab"};
  info.compressed = Compression{"from/here", true, 77, 1e-6, 4, 0.5, {{kLayer, {2.5, 1}}}};
  save_adapter(path(), random_adapter(Scaling::none), info);
  EXPECT_EQ(own()["compressed"]["from"], "from/here");
  EXPECT_EQ(own()["compressed"]["weighted"], true);
  EXPECT_EQ(own()["compressed"]["tokens"], 77);
  EXPECT_EQ(own()["compressed"]["singular_values"][kLayer], (Json{2.5, 1}));
  EXPECT_EQ(load_adapter(path(), at::kCPU).adapter.rule.rank, 4);
}

TEST_F(AdapterIo, MissingAndMisshapenMatrices) {
  save_peft();
  const at::Tensor a = at::zeros({4, 6}), b = at::zeros({5, 4});
  put_tensors({{kStored + ".lora_A.weight", a}});
  expect_has(load_error(), kLayer + ": lora_B is missing");
  put_tensors({{kStored + ".lora_B.weight", b}});
  expect_has(load_error(), kLayer + ": lora_A is missing");
  put_tensors({{kStored + ".lora_A.weight", a}, {kStored + ".lora_B.weight", at::zeros({5, 3})}});
  expect_has(load_error(), "lora_B: expected rank 4 as the configuration says, got shape [5, 3]");
  put_tensors({{kStored + ".lora_A.weight", at::zeros({24})}, {kStored + ".lora_B.weight", b}});
  expect_has(load_error(), "lora_A: expected rank 4");
  put_tensors({{kStored + ".lora_magnitude_vector", a}});
  expect_has(load_error(), "'" + kStored + ".lora_magnitude_vector' is not a LoRA matrix");
  put_tensors({});
  expect_has(load_error(), "holds no matrices");
}

TEST_F(AdapterIo, MissingFiles) {
  expect_has(user_error([&] { load_adapter(path() / "absent", at::kCPU); }), "no such adapter");
  expect_has(load_error(), "adapter_config.json");
  save_peft();
  fs::remove(path() / "adapter_model.safetensors");
  expect_has(load_error(), "adapter_model.safetensors");
}

TEST_F(AdapterIo, BrokenMatloraJson) {
  Adapter custom = random_adapter(Scaling::sqrt);
  custom.rule.method = Method::custom;
  custom.rule.custom = {1, 2, 3, 4};
  save_adapter(path(), custom, {"base", "12"});
  const Json good = own();
  for (const auto& [key, value] : {std::pair<std::string, Json>{"rank", 5},
                                   {"method", "matrix"},
                                   {"scaling", "cube"},
                                   {"train_ranks", {1, 9}},
                                   {"gate", {{"P", {1}}}},
                                   {"gate", {{"Q", 1}}},
                                   {"gate", {{"P", "x"}}}}) {
    Json bad = good;
    bad[key] = value;
    put("matlora.json", bad);
    expect_has(load_error(), "matlora.json");
  }
}

}  // namespace
}  // namespace matlora::model
