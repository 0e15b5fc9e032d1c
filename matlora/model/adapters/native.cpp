#include "matlora/model/adapters/native.h"

#include <torch/headeronly/version.h>

#include <algorithm>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/json.h"
#include "matlora/model/adapters/fitted_gates.h"
#include "matlora/model/adapters/peft.h"
#include "matlora/model/adapters/peft_matrices.h"
#include "matlora/model/adapters/peft_writer.h"

namespace matlora::model {
namespace {

using adapter::Adapter;
using adapter::LayerAdapter;

constexpr char kFile[] = "matlora.json";
constexpr int64_t kFormatVersion = 1;

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

/// A rank that no layer has would be an empty claim, however large a file says it is.
void check_largest_rank(const Adapter& adapter, const std::string& where) {
  int64_t largest = 0;
  for (const LayerAdapter& layer : adapter.layers) largest = std::max(largest, layer.rank());
  if (largest == adapter.rule.rank) return;
  fail(where, "'rank': expected ", largest, ", the largest of the matrices, got ",
       adapter.rule.rank);
}

}  // namespace

bool is_native(const fs::path& path) { return is_peft(path) && is_there(path / kFile); }

namespace {

LoadedAdapter read(const fs::path& directory, at::Device device, Matrices matrices) {
  const PeftConfig config = read_peft_config(directory);
  const fs::path path = directory / kFile;
  const Json json = read_json(path);
  const JsonObject own(json, path.string());
  LoadedAdapter loaded;
  loaded.info = config.info;
  loaded.targets = config.targets;
  loaded.file = matrices_file(directory);
  Adapter& adapter = loaded.adapter;
  adapter.rule = config.rule;
  read_own_rule(own, adapter, loaded.info);
  adapter.layers = read_peft_layers(directory, config, device,
                                    matrices == Matrices::mapped ? &loaded.mapped : nullptr);
  check_largest_rank(adapter, path.string());
  read_fitted_gates(own, adapter);
  return loaded;
}

}  // namespace

LoadedAdapter read_native(const fs::path& directory, at::Device device) {
  return read(directory, device, Matrices::in_memory);
}

LoadedAdapter map_native(const fs::path& directory) {
  return read(directory, at::kCPU, Matrices::mapped);
}

void write_native(const fs::path& directory, const Adapter& adapter, const AdapterInfo& info) {
  write_peft(directory, adapter, info);
  write_file(directory / kFile, pretty(own_config(adapter, info)));
}

}  // namespace matlora::model
