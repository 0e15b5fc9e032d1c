#include "matlora/model/adapters/reference.h"

#include <ATen/ATen.h>

#include <map>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/json.h"
#include "matlora/format/torch_file.h"
#include "matlora/model/tensors.h"

namespace matlora::model {
namespace {

namespace fs = std::filesystem;
using adapter::LayerAdapter;

constexpr char kRuleFile[] = "lora_adapters.json";

std::string shape_of(const at::Tensor& matrix) { return shape_text(matrix.sizes().vec()); }

/// Splits `LAYER.lora_A` into LAYER and 'A'.
std::pair<std::string, char> layer_and_part(const std::string& name, const std::string& where) {
  const std::string a = ".lora_A";
  const bool is_a = name.ends_with(a), is_b = name.ends_with(".lora_B");
  if ((is_a || is_b) && name.size() > a.size()) {
    return {name.substr(0, name.size() - a.size()), is_a ? 'A' : 'B'};
  }
  const bool is_peft =
      name.find(".lora_A.") != std::string::npos || name.find(".lora_B.") != std::string::npos;
  fail(where, "tensor '", printable(name, 120), "': expected <layer>.lora_A or <layer>.lora_B",
       is_peft ? "; it is PEFT's: name the file adapter_model.bin, with its adapter_config.json "
                 "in one directory, and give that"
               : "");
}

/// Stored [in, R] and [R, out]; they become [R, in] and [out, R].
std::vector<LayerAdapter> read_layers(const format::TorchFile& file, at::Device device) {
  const std::string where = file.file()->path().string();
  std::vector<LayerAdapter> layers;
  std::map<std::string, size_t> index;
  for (const format::TensorView& view : file.tensors()) {
    const auto [name, part] = layer_and_part(view.name, where);
    if (view.shape.size() != 2 || view.bytes.empty()) {
      fail(where, "tensor '", printable(view.name, 120), "': expected a matrix, got shape ",
           shape_text(view.shape));
    }
    const auto [place, is_new] = index.emplace(name, layers.size());
    if (is_new) layers.push_back({name, {}, {}});
    const at::Tensor matrix = wrap(view, file.file()).to(at::kFloat);
    check_finite(matrix, view.name, where);
    LayerAdapter& layer = layers[place->second];
    at::Tensor& kept = part == 'A' ? layer.a : layer.b;
    kept = matrix.t().clone(at::MemoryFormat::Contiguous).to(device);
  }
  if (layers.empty()) fail(where, "the file holds no matrices");
  return layers;
}

/// The one rank of all layers.
int64_t rank_of(const std::vector<LayerAdapter>& layers, const std::string& where) {
  for (const LayerAdapter& layer : layers) {
    const std::string name = printable(layer.layer, 120);
    if (!layer.a.defined()) fail(where, name, ": lora_A is missing");
    if (!layer.b.defined()) fail(where, name, ": lora_B is missing");
    if (layer.a.size(0) == layers[0].a.size(0) && layer.b.size(1) == layer.a.size(0)) continue;
    fail(where, name, ": expected lora_A [in, R] and lora_B [R, out] of one rank R in all layers (",
         layers[0].a.size(0), " in the first), got ", shape_of(layer.a.t()), " and ",
         shape_of(layer.b.t()));
  }
  return layers[0].a.size(0);
}

/// What lora_adapters.json says of the rule.
void read_rule(const fs::path& path, adapter::GateRule& rule) {
  const Json json = read_json(path);
  const JsonObject object(json, path.string());
  for (const auto& [key, value] : json.items()) {
    if (key == "method") {
      rule.method = adapter::parse_method(object.string(key), path.string());
    } else if (key == "scaling") {
      rule.scaling = adapter::parse_scaling(object.string(key), path.string());
    } else if (key == "mask") {
      rule.mask = adapter::parse_mask(object.string(key), path.string());
    } else if (key == "train_ranks") {
      rule.train_ranks = object.integers(key, 1, rule.rank);
    } else {
      fail(path.string(), "unknown key '", printable(key),
           "'; expected method, scaling, mask, train_ranks");
    }
  }
}

}  // namespace

bool is_reference(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) &&
         (path.extension() == ".pt" || path.extension() == ".pth");
}

LoadedAdapter read_reference(const fs::path& path, at::Device device) {
  const format::TorchFile file = format::TorchFile::open(path);
  LoadedAdapter loaded;
  adapter::Adapter& adapter = loaded.adapter;
  adapter.layers = read_layers(file, device);
  adapter::GateRule& rule = adapter.rule;
  rule.rank = rank_of(adapter.layers, path.string());
  rule.train_ranks = adapter::powers_of_two(rule.rank);
  const fs::path described = path.parent_path() / kRuleFile;
  if (is_there(described)) {
    read_rule(described, rule);
  } else {
    loaded.notes.push_back(cat(path.string(), " does not say how it was trained: taken as ",
                               "matryoshka, mask diag, scaling sqrt; ", kRuleFile,
                               " next to it can say otherwise"));
  }
  rule = checked(std::move(rule), is_there(described) ? described.string() : path.string());
  loaded.file = path;
  return loaded;
}

}  // namespace matlora::model
