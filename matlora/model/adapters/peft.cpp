#include "matlora/model/adapters/peft.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/json.h"
#include "matlora/model/adapters/key_order.h"
#include "matlora/model/adapters/peft_matrices.h"

namespace matlora::model {
namespace {

using adapter::Adapter;
using adapter::LayerAdapter;
using adapter::Scaling;

constexpr char kConfigFile[] = "adapter_config.json";
constexpr char kMatricesFile[] = "adapter_model.safetensors";  // that is written

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

/// Throws UserError where matrices have another rank than the configuration says, and for a layer
/// that its targets do not name: PEFT leaves its matrices out without a word.
void check_layers(const PeftConfig& config, const std::vector<LayerAdapter>& layers,
                  const fs::path& matrices) {
  for (const LayerAdapter& layer : layers) {
    const double own = config.ranks.of(layer.layer, static_cast<double>(config.rule.rank));
    const std::string name = printable(layer.layer, 120);
    if (own != std::floor(own)) fail(matrices.string(), name, ": rank ", own);
    check_pair(layer, static_cast<int64_t>(own), matrices.string());
    const std::string module = adapter::module_name(layer.layer);
    const bool refused_later = module == "lm_head" || module == "embed_tokens";
    if (!config.has_targets || refused_later || config.targets.names(layer.layer)) continue;
    fail(matrices.string(), "has matrices for ", name,
         ", which the configuration's target_modules (with exclude_modules and ",
         "layers_to_transform) do not name");
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
                                         "fan_in_fan_out",  // of a Linear PEFT takes false
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
  rule.rank = config.integer_or("r", 8, 1, adapter::kMaxRank);  // PEFT's default
  rule.train_ranks = {rule.rank};
  rule.scaling = config.boolean_or("use_rslora", false) ? Scaling::sqrt : Scaling::rank;
  rule.alpha = config.number_or("lora_alpha", 8);  // PEFT's default
  return checked(std::move(rule), path.string());
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

void write_files(const fs::path& directory, const std::vector<LayerAdapter>& layers, int64_t rank,
                 PeftScale scale, const AdapterInfo& info) {
  write_matrices(directory / kMatricesFile, layers);
  write_file(directory / kConfigFile, pretty(peft_config(layers, rank, scale, info)));
}

}  // namespace

bool is_peft(const fs::path& path) { return fs::exists(path / kConfigFile); }

PeftConfig read_peft_config(const fs::path& directory) {
  const fs::path path = directory / kConfigFile;
  const std::string text = read_file(path);
  const Json json = parse_json(text, path.string());
  const JsonObject config(json, path.string());
  AdapterInfo info;
  adapter::GateRule rule = read_peft_rule(json, path, info);
  const auto pattern = [&](const std::string& key) {
    return PeftPattern(config, key, keys_in_order(text, key));
  };
  return {std::move(rule),          std::move(info),     pattern("rank_pattern"),
          pattern("alpha_pattern"), PeftTargets(config), config.find("target_modules") != nullptr};
}

std::vector<LayerAdapter> read_peft_layers(const fs::path& directory, const PeftConfig& config,
                                           at::Device device) {
  const fs::path file = matrices_file(directory);
  std::vector<LayerAdapter> layers = read_matrices(file, device);
  check_layers(config, layers, file);
  return layers;
}

LoadedAdapter read_peft(const fs::path& directory, at::Device device) {
  PeftConfig config = read_peft_config(directory);
  LoadedAdapter loaded;
  loaded.adapter.layers = read_peft_layers(directory, config, device);
  loaded.adapter.rule = std::move(config.rule);
  if (!(config.ranks.empty() && config.alphas.empty())) fold_scales(config.alphas, loaded.adapter);
  loaded.info = std::move(config.info);
  loaded.targets = std::move(config.targets);
  loaded.file = matrices_file(directory);
  return loaded;
}

void write_peft(const fs::path& directory, const Adapter& adapter, const AdapterInfo& info) {
  const int64_t rank = adapter.rule.rank;
  write_files(directory, adapter.layers, rank, peft_scale(adapter.rule, rank), info);
}

void write_peft_slice(const fs::path& directory, const Adapter& adapter, int64_t k,
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
  write_files(directory, layers, k, scale, info);
}

}  // namespace matlora::model
