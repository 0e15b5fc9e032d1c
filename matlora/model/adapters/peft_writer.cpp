#include "matlora/model/adapters/peft_writer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "matlora/base/file.h"
#include "matlora/base/json.h"
#include "matlora/format/safetensors_writer.h"
#include "matlora/model/adapters/peft_matrices.h"
#include "matlora/model/tensors.h"

namespace matlora::model {
namespace {

using adapter::Adapter;
using adapter::LayerSlice;
using adapter::Scaling;

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

/// Layers and the numbers that PEFT is told of them.
struct PeftSlice {
  std::vector<LayerSlice> layers;
  int64_t rank = 0;            // r
  bool rslora = false;         // of all
  bool folded = false;         // the gates are in B, and every scale is 1
  std::vector<double> alphas;  // of each layer
  double alpha = 1;            // lora_alpha: of layers of rank r
  bool whole = true;           // no layer of the adapter is left out
};

/// lora_alpha of one layer.
double alpha_of(const LayerSlice& slice, const adapter::GateRule& rule, bool folded) {
  const auto width = static_cast<double>(slice.rank());
  if (folded) return width;
  const PeftScale scale = peft_scale(rule, slice.asked);
  if (slice.rank() == slice.asked) return scale.alpha;
  const double share = width / static_cast<double>(slice.asked);
  return scale.alpha * (scale.rslora ? std::sqrt(share) : share);
}

/// `rank`: to be r where a layer has it.
PeftSlice with_numbers(PeftSlice slice, const adapter::GateRule& rule, int64_t rank) {
  for (const LayerSlice& layer : slice.layers) slice.rank = std::max(slice.rank, layer.rank());
  for (const LayerSlice& layer : slice.layers) {
    if (layer.rank() == rank) slice.rank = rank;
    slice.alphas.push_back(alpha_of(layer, rule, slice.folded));
  }
  slice.rslora = !slice.folded && rule.scaling == Scaling::sqrt;
  const auto width = static_cast<double>(slice.rank);
  slice.alpha = slice.folded ? width : peft_scale(rule, slice.rank).alpha;
  return slice;
}

Json integer_or_float(double x) { return is_integer(x) ? Json(static_cast<int64_t>(x)) : Json(x); }

/// The keys that every PEFT, vLLM and llama.cpp accepts; newer ones default when absent.
Json peft_config(const PeftSlice& slice, const AdapterInfo& info) {
  Json ranks = Json::object(), alphas = Json::object();
  std::set<std::string> names, modules;
  std::vector<adapter::LayerAdapter> layers;
  for (size_t i = 0; i < slice.layers.size(); ++i) {
    const LayerSlice& one = slice.layers[i];
    const std::string& name = one.layer->layer;
    names.insert(name);
    modules.insert(adapter::module_name(name));
    layers.push_back({name, {}, {}});
    if (one.rank() != slice.rank) ranks[name] = one.rank();
    if (slice.alphas[i] != slice.alpha) alphas[name] = integer_or_float(slice.alphas[i]);
  }
  Json config = {
      {"alpha_pattern", alphas},
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
      {"r", slice.rank},
      {"rank_pattern", ranks},
      {"revision", nullptr},
      {"target_modules", modules},
      {"task_type", "CAUSAL_LM"},
      {"use_dora", false},
      {"use_rslora", slice.rslora}};
  config["lora_alpha"] = integer_or_float(slice.alpha);
  // Whole names where layers of one module's name differ, or are not in every block.
  if (!slice.whole || !ranks.empty() || !alphas.empty() ||
      !missing_layers(PeftTargets(JsonObject(config, "adapter_config.json")), layers).empty()) {
    config["target_modules"] = names;
  }
  return config;
}

/// A layer at a time.
void write_matrices(const fs::path& path, const PeftSlice& slice, const ExportOptions& options) {
  const at::ScalarType dtype = options.dtype;
  std::vector<format::TensorPlan> plans;
  for (const LayerSlice& one : slice.layers) {
    const std::string start = cat(kPeftPrefix, one.layer->layer, ".lora_");
    plans.push_back({start + "A.weight", stored_type(dtype), {one.rank(), one.layer->a.size(1)}});
    plans.push_back({start + "B.weight", stored_type(dtype), {one.layer->b.size(0), one.rank()}});
  }
  format::SafetensorsWriter writer(path, plans, {{"format", "pt"}});
  for (const LayerSlice& one : slice.layers) {
    const double scale = slice.folded ? 1 : one.gate.front();
    for (const at::Tensor& matrix : {one.a(), one.b(scale)}) {
      const at::Tensor rounded = matrix.to(dtype);
      check_rounded(rounded, one.layer->layer, path.string());
      writer.write({static_cast<const std::byte*>(rounded.const_data_ptr()), rounded.nbytes()});
    }
    forget(*one.layer, options.file.get());
  }
  writer.commit();
}

void write_files(const fs::path& directory, const PeftSlice& slice, const ExportOptions& options,
                 const AdapterInfo& info) {
  write_matrices(directory / "adapter_model.safetensors", slice, options);
  write_file(directory / "adapter_config.json", pretty(peft_config(slice, info)));
}

}  // namespace

void write_peft(const fs::path& directory, const Adapter& adapter, const AdapterInfo& info) {
  const int64_t rank = adapter.rule.rank;
  PeftSlice slice;
  for (const adapter::LayerAdapter& layer : adapter.layers) {
    const auto width = static_cast<size_t>(layer.rank());
    slice.layers.push_back({&layer, rank, std::vector(width, adapter::scale(adapter.rule, rank))});
  }
  write_files(directory, with_numbers(std::move(slice), adapter.rule, rank), {}, info);
}

void write_peft_slice(const fs::path& directory, const Adapter& adapter, const AdapterInfo& info,
                      const ExportOptions& options) {
  const adapter::RankPlan& plan = options.plan;
  PeftSlice slice;
  slice.layers = adapter::sliced(adapter, plan, options.gate);
  if (slice.layers.empty()) {
    fail_field("rank", "expected 1..", adapter.rule.rank, ", got ", plan.rank);
  }
  slice.whole = slice.layers.size() == adapter.layers.size();
  const auto is_scale = [&](const LayerSlice& one) {
    return one.is_scale(adapter::scale(adapter.rule, one.asked));
  };
  const PeftSlice plain = with_numbers(slice, adapter.rule, plan.rank);
  if (is_integer(plain.alpha) && std::all_of(slice.layers.begin(), slice.layers.end(), is_scale)) {
    return write_files(directory, plain, options, info);
  }
  slice.folded = true;
  write_files(directory, with_numbers(std::move(slice), adapter.rule, plan.rank), options, info);
}

}  // namespace matlora::model
