#include "matlora/model/adapter_io.h"

#include <ATen/ATen.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/json.h"
#include "matlora/base/output.h"
#include "matlora/format/path_kind.h"
#include "matlora/model/adapter_matrices.h"
#include "matlora/model/fitted_gates.h"
#include "matlora/model/peft_patterns.h"

namespace matlora::model {
namespace {

using adapter::Adapter;
using adapter::LayerAdapter;
using adapter::Scaling;

constexpr int64_t kFormatVersion = 1;  // of matlora.json

/// PEFT's two numbers that give the scale: lora_alpha / r, or lora_alpha / √r with use_rslora.
struct PeftScale {
  double alpha = 1;
  bool rslora = false;
};

bool is_integer(double x) { return std::floor(x) == x && std::abs(x) < 1e9; }

/// Such that PEFT's scale at rank k is s(k); alpha is an integer wherever s(k) allows it.
PeftScale peft_scale(const adapter::GateRule& rule, int64_t k) {
  switch (rule.scaling) {
    case Scaling::sqrt:
      return {rule.alpha, true};
    case Scaling::rank:
      return {rule.alpha, false};
    case Scaling::none:
      return {rule.alpha * static_cast<double>(k), false};
  }
  throw BugError("unknown scaling");
}

Json integer_or_float(double x) { return is_integer(x) ? Json(static_cast<int64_t>(x)) : Json(x); }

/// What PEFT is told of layers whose rank is another than `rank`: each has the scale of the others.
struct Patterns {
  Json ranks = Json::object(), alphas = Json::object();
};

Patterns patterns_of(const std::vector<LayerAdapter>& layers, int64_t rank, PeftScale scale) {
  Patterns patterns;
  for (const LayerAdapter& layer : layers) {
    if (layer.rank() == rank) continue;
    const double share = static_cast<double>(layer.rank()) / static_cast<double>(rank);
    patterns.ranks[layer.layer] = layer.rank();
    patterns.alphas[layer.layer] =
        integer_or_float(scale.alpha * (scale.rslora ? std::sqrt(share) : share));
  }
  return patterns;
}

/// The keys that every PEFT, vLLM and llama.cpp accepts; newer ones default when absent.
Json peft_config(const std::vector<LayerAdapter>& layers, int64_t rank, PeftScale scale,
                 const AdapterInfo& info) {
  const Patterns patterns = patterns_of(layers, rank, scale);
  std::set<std::string> names, modules;
  for (const LayerAdapter& layer : layers) {
    names.insert(layer.layer);
    modules.insert(adapter::module_name(layer.layer));
  }
  Json config = {
      {"alpha_pattern", patterns.alphas},
      {"auto_mapping", nullptr},
      {"base_model_name_or_path", info.base_name.empty() ? info.base_model : info.base_name},
      {"bias", "none"},
      {"fan_in_fan_out", false},
      {"inference_mode", true},
      {"init_lora_weights", true},
      {"layers_pattern", nullptr},
      {"layers_to_transform", nullptr},
      {"lora_dropout", 0.0},
      {"modules_to_save", nullptr},
      {"peft_type", "LORA"},
      {"r", rank},
      {"rank_pattern", patterns.ranks},
      {"revision", nullptr},
      {"target_modules", modules},
      {"task_type", "CAUSAL_LM"},
      {"use_dora", false},
      {"use_rslora", scale.rslora}};
  config["lora_alpha"] = integer_or_float(scale.alpha);
  // Whole names where layers of one module's name differ, or are not in every block.
  if (!patterns.ranks.empty() ||
      !missing_layers(PeftTargets(JsonObject(config, "adapter_config.json")), layers).empty()) {
    config["target_modules"] = names;
  }
  return config;
}

/// Fits what the configuration says of single modules to the matrices that are there.
void apply_patterns(const PeftPattern& ranks, const fs::path& matrices,
                    std::vector<LayerAdapter>& layers, int64_t rank) {
  for (const LayerAdapter& layer : layers) {
    const double own = ranks.of(layer.layer, static_cast<double>(rank));
    if (own != std::floor(own))
      fail(matrices.string(), printable(layer.layer, 120), ": rank ", own);
    check_pair(layer, static_cast<int64_t>(own), matrices.string());
  }
}

/// Each module's own scale goes into B, and 1 is left for all.
void fold_scales(const PeftPattern& alphas, Adapter& adapter) {
  adapter::GateRule& rule = adapter.rule;
  rule.rank = 0;
  for (LayerAdapter& layer : adapter.layers) {
    adapter::GateRule own = rule;
    own.alpha = alphas.of(layer.layer, rule.alpha);
    layer.b.mul_(adapter::scale(own, layer.rank()));
    rule.rank = std::max(rule.rank, layer.rank());
  }
  rule.train_ranks = {rule.rank};
  rule.scaling = Scaling::none;
  rule.alpha = 1;
}

/// Keys of PEFT's LoraConfig that change nothing that matlora computes.
const std::set<std::string> kHarmless = {"auto_mapping",
                                         "base_model_name_or_path",
                                         "inference_mode",
                                         "alpha_pattern",
                                         "rank_pattern",
                                         "layers_pattern",
                                         "layers_to_transform",
                                         "lora_alpha",
                                         "lora_dropout",
                                         "peft_type",
                                         "peft_version",
                                         "r",
                                         "revision",
                                         "target_modules",
                                         "exclude_modules",
                                         "task_type",
                                         "use_rslora",
                                         "megatron_core",
                                         "loftq_config",
                                         "eva_config",
                                         "corda_config",
                                         "lora_ga_config",
                                         "runtime_config",
                                         "qalora_group_size",
                                         "ensure_weight_tying"};

bool is_default(const std::string& key, const Json& value) {
  if (key == "bias") return value == "none";
  // pissa, olora, corda and the like change the base weights when PEFT loads them.
  if (key == "init_lora_weights") {
    return value.is_boolean() || value.is_null() || value == "gaussian" || value == "orthogonal" ||
           value == "eva";
  }
  return value.is_null() || value == false || value == Json::object() || value == Json::array();
}

adapter::GateRule read_peft_rule(const Json& json, const fs::path& path, AdapterInfo& info) {
  const JsonObject config(json, path.string());
  if (config.string("peft_type") != "LORA") {
    fail(path.string(), "'peft_type': expected LORA, got ", printable(config.string("peft_type")));
  }
  for (const auto& [key, value] : json.items()) {
    if (kHarmless.count(key) == 0 && !is_default(key, value)) {
      const bool whole = key == "modules_to_save" || key == "trainable_token_indices";
      fail(path.string(), "'", printable(key), "' = ", printable(value.dump(), 40),
           " is not supported",
           whole ? "; matlora's adapters change linear layers and nothing else" : "");
    }
  }
  info.base_model = config.string_or("base_model_name_or_path", "");
  adapter::GateRule rule;
  rule.method = adapter::Method::lora;
  rule.rank = config.integer("r", 1, adapter::kMaxRank);
  rule.train_ranks = {rule.rank};
  rule.scaling = config.boolean_or("use_rslora", false) ? Scaling::sqrt : Scaling::rank;
  rule.alpha = config.number_or("lora_alpha", 8);  // PEFT's default
  return checked(std::move(rule), path.string());
}

/// matlora.json says more than PEFT's configuration can: it decides where both speak.
void read_own_rule(const JsonObject& own, Adapter& adapter, AdapterInfo& info) {
  const std::string& where = own.where();
  check_format_version(own, kFormatVersion);
  adapter::GateRule rule;
  rule.rank = own.integer("rank", 1, adapter::kMaxRank);
  if (rule.rank != adapter.rule.rank) {
    fail(where, "'rank': expected ", adapter.rule.rank, " as adapter_config.json says, got ",
         rule.rank);
  }
  rule.method = adapter::parse_method(own.string("method"), where);
  rule.scaling = adapter::parse_scaling(own.string("scaling"), where);
  rule.mask = adapter::parse_mask(own.string("mask"), where);
  rule.alpha = own.number_or("alpha", 1);
  rule.train_ranks = own.integers("train_ranks", 1, rule.rank);
  if (rule.method == adapter::Method::custom) {
    const JsonObject gate = own.object("gate");
    const Json* numbers = gate.find("P");
    if (!numbers || !numbers->is_array()) fail(where, "'gate': expected an array 'P'");
    for (const Json& value : *numbers) {
      if (!value.is_number()) fail(where, "'gate': expected numbers");
      rule.custom.push_back(value.get<double>());
    }
  }
  adapter.inference_gate = adapter::parse_inference_gate(own.string("inference_gate"), where);
  adapter.rule = checked(std::move(rule), where);
  const JsonObject base = own.object("base_model");
  info.base_digest = base.string("digest");
  info.base_model = base.string_or("path", info.base_model);
  info.base_name = base.string_or("name", "");
}

Json describe(const Compression& made) {
  return {{"from", made.from},
          {"weighted", made.weighted},
          {"tokens", made.tokens},
          {"regularisation", made.regularisation},
          {"directions", made.directions},
          {"kept_energy", made.kept_energy},
          {"singular_values", made.singular_values}};
}

Json own_config(const Adapter& adapter, const AdapterInfo& info) {
  const adapter::GateRule& rule = adapter.rule;
  Json own = {
      {"format", "matlora"},
      {"format_version", kFormatVersion},
      {"matlora_version", MATLORA_VERSION},
      {"torch_version", TORCH_VERSION},
      {"method", name(rule.method)},
      {"scaling", name(rule.scaling)},
      {"mask", name(rule.mask)},
      {"alpha", rule.alpha},
      {"rank", rule.rank},
      {"train_ranks", rule.train_ranks},
      {"inference_gate", name(adapter.inference_gate)},
      {"base_model",
       {{"path", info.base_model}, {"name", info.base_name}, {"digest", info.base_digest}}}};
  if (rule.method == adapter::Method::custom) own["gate"] = {{"P", rule.custom}};
  if (const Json gates = fitted_gates(adapter.layers); !gates.empty()) own["fitted"] = gates;
  if (info.compressed) own["compressed"] = describe(*info.compressed);
  return own;
}

/// The first k directions (all of a layer that has fewer); `fold`: with that gate in
/// B's columns.
std::vector<LayerAdapter> prefix(const Adapter& adapter, int64_t k,
                                 std::optional<adapter::InferenceGate> fold) {
  std::vector<LayerAdapter> layers;
  for (const LayerAdapter& layer : adapter.layers) {
    const int64_t width = std::min(k, layer.rank());
    at::Tensor b = layer.b.detach().narrow(1, 0, width);
    if (fold) {
      const std::vector<double> gate = adapter::layer_gate(layer, adapter.rule, k, *fold);
      b = b * at::tensor(gate, at::kDouble).to(b.device(), at::kFloat);
    }
    layers.push_back({layer.layer, layer.a.detach().narrow(0, 0, width), b});
  }
  return layers;
}

/// What is there in place of an adapter.
[[noreturn]] void fail_not_an_adapter(const fs::path& path) {
  const bool folder = fs::is_directory(path);
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const bool inside = !folder && fs::exists(parent / "adapter_config.json");
  if (!folder && !inside) format::refuse_pickled_weights(path);
  fail(path.string(), "not an adapter: ", folder ? "no adapter_config.json in it; " : "",
       "expected an adapter directory, got ", format::what_is(path),
       inside ? "; give its directory " + parent.string() : "");
}

/// A rank that no layer has would be room for nothing, however large a file says it is.
void check_largest_rank(const Adapter& adapter, const std::string& where) {
  int64_t largest = 0;
  for (const LayerAdapter& layer : adapter.layers) largest = std::max(largest, layer.rank());
  if (largest == adapter.rule.rank) return;
  fail(where, "'rank': expected ", largest, ", the largest of the matrices, got ",
       adapter.rule.rank);
}

}  // namespace

LoadedAdapter load_adapter(const fs::path& directory, at::Device device) {
  if (!fs::exists(directory)) fail(directory.string(), "no such adapter directory");
  finish_commit(directory);
  LoadedAdapter loaded;
  Adapter& adapter = loaded.adapter;
  const fs::path config = directory / "adapter_config.json";
  const fs::path matrices = directory / "adapter_model.safetensors";
  if (!fs::exists(config)) fail_not_an_adapter(directory);
  const fs::path own_path = directory / "matlora.json";
  const bool is_own = is_there(own_path);
  const Json json = read_json(config);
  adapter.rule = read_peft_rule(json, config, loaded.info);
  const PeftPattern ranks(JsonObject(json, config.string()), "rank_pattern");
  const PeftPattern alphas(JsonObject(json, config.string()), "alpha_pattern");
  const int64_t rank = adapter.rule.rank;
  const Json own_json = is_own ? read_json(own_path) : Json::object();
  const JsonObject own(own_json, own_path.string());
  loaded.targets = PeftTargets(JsonObject(json, config.string()));
  if (is_own) read_own_rule(own, adapter, loaded.info);
  adapter.layers = read_matrices(directory, device);
  apply_patterns(ranks, matrices, adapter.layers, rank);
  if (is_own) check_largest_rank(adapter, own_path.string());
  if (is_own) read_fitted_gates(own, adapter);
  if (!is_own && !(ranks.empty() && alphas.empty())) fold_scales(alphas, adapter);
  return loaded;
}

void save_adapter(const fs::path& directory, const Adapter& adapter, const AdapterInfo& info) {
  const int64_t rank = adapter.rule.rank;
  write_matrices(directory / "adapter_model.safetensors", adapter.layers);
  write_file(directory / "adapter_config.json",
             pretty(peft_config(adapter.layers, rank, peft_scale(adapter.rule, rank), info)));
  write_file(directory / "matlora.json", pretty(own_config(adapter, info)));
}

void save_slice(const fs::path& directory, const Adapter& adapter, int64_t k,
                adapter::InferenceGate gate, const AdapterInfo& info) {
  if (k < 1 || k > adapter.rule.rank) {
    fail_field("rank", "expected 1..", adapter.rule.rank, ", got ", k);
  }
  const std::vector<double> values = adapter::inference_gate(adapter.rule, k, gate);
  PeftScale scale = peft_scale(adapter.rule, k);
  const bool is_scale =
      values == std::vector<double>(static_cast<size_t>(k), adapter::scale(adapter.rule, k));
  const bool is_fitted =
      std::any_of(adapter.layers.begin(), adapter.layers.end(),
                  [&](const LayerAdapter& layer) { return layer.fitted.count(k) > 0; });
  const bool fold = !is_scale || !is_integer(scale.alpha) || is_fitted;
  if (fold) scale = {static_cast<double>(k), false};
  const std::vector<LayerAdapter> layers =
      prefix(adapter, k, fold ? std::optional(gate) : std::nullopt);
  write_matrices(directory / "adapter_model.safetensors", layers);
  write_file(directory / "adapter_config.json", pretty(peft_config(layers, k, scale, info)));
}

}  // namespace matlora::model
