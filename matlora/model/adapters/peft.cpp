#include "matlora/model/adapters/peft.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
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
    layer.b = layer.b.to(at::kFloat) * adapter::scale(own, layer.rank());
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
                                           at::Device device,
                                           std::shared_ptr<const MappedFile>* mapped) {
  const fs::path file = matrices_file(directory);
  std::vector<LayerAdapter> layers = read_matrices(file, device, mapped);
  check_layers(config, layers, file);
  return layers;
}

namespace {

LoadedAdapter read(const fs::path& directory, at::Device device, Matrices matrices) {
  PeftConfig config = read_peft_config(directory);
  LoadedAdapter loaded;
  loaded.adapter.layers = read_peft_layers(directory, config, device,
                                           matrices == Matrices::mapped ? &loaded.mapped : nullptr);
  loaded.adapter.rule = std::move(config.rule);
  if (!(config.ranks.empty() && config.alphas.empty())) {
    fold_scales(config.alphas, loaded.adapter);
    loaded.mapped = nullptr;
  }
  loaded.info = std::move(config.info);
  loaded.targets = std::move(config.targets);
  loaded.file = matrices_file(directory);
  return loaded;
}

}  // namespace

LoadedAdapter read_peft(const fs::path& directory, at::Device device) {
  return read(directory, device, Matrices::in_memory);
}

LoadedAdapter map_peft(const fs::path& directory) {
  return read(directory, at::kCPU, Matrices::mapped);
}

}  // namespace matlora::model
