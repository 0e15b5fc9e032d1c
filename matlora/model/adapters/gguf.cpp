#include "matlora/model/adapters/gguf.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/format/gguf.h"
#include "matlora/model/base_name.h"
#include "matlora/model/families/family.h"
#include "matlora/model/tensors.h"

namespace matlora::model {
namespace {

namespace fs = std::filesystem;
using adapter::LayerAdapter;

constexpr char kAlpha[] = "adapter.lora.alpha";
constexpr char kInvocation[] = "adapter.alora.invocation_tokens";

void expect_text(const format::Gguf& file, const char* key, const char* expected) {
  const std::string got = file.string_or(key, "");
  if (got == expected) return;
  fail(file.file()->path().string(), "'", key, "': expected ", expected,
       " (a file of LoRA matrices), got '", printable(got, 40), "'",
       got == "model" ? "; it is a model, not an adapter" : "");
}

/// `blk.3.attn_q.weight` -> `model.layers.3.self_attn.q_proj`; "" for what the family lacks.
std::string layer_of(const Family& family, const std::string& tensor) {
  const std::string weight = ".weight", block = "blk.";
  if (!tensor.ends_with(weight)) return "";
  const std::string module = tensor.substr(0, tensor.size() - weight.size());
  for (const auto& [hf, gguf] : family.model_names) {
    if (module == gguf) return hf;
  }
  const size_t dot = module.find('.', block.size());
  if (!module.starts_with(block) || dot == std::string::npos) return "";
  const std::string index = module.substr(block.size(), dot - block.size());
  const bool is_number = !index.empty() && index.size() < 7 &&
                         index.find_first_not_of("0123456789") == std::string::npos &&
                         (index == "0" || index[0] != '0');
  for (const auto& [hf, gguf] : family.layer_names) {
    if (is_number && module.substr(dot + 1) == gguf) return "model.layers." + index + "." + hf;
  }
  return "";
}

/// The layer and 'a' or 'b' of `BASE.lora_a` and `BASE.lora_b`.
std::pair<std::string, char> layer_and_part(const Family& family, const std::string& name,
                                            const std::string& where) {
  const std::string ending = ".lora_a";
  const bool is_a = name.ends_with(".lora_a");
  if (!is_a && !name.ends_with(".lora_b")) {
    fail(where, "tensor '", printable(name, 120), "' is not a LoRA matrix that matlora supports: ",
         name.find("_norm.") != std::string::npos ? "it is a norm's weight"
                                                  : "expected <tensor>.lora_a or .lora_b");
  }
  const std::string base = name.substr(0, name.size() - ending.size());
  const std::string layer = layer_of(family, base);
  if (layer.empty()) {
    fail(where, "tensor '", printable(name, 120), "': the architecture ", family.name,
         " has no tensor '", printable(base, 120), "'");
  }
  if (layer.find(".layers.") == std::string::npos) {
    fail(where, "the adapter has LoRA on '", printable(base, 120),
         "', which is not supported: matlora adapts the linear layers of the blocks");
  }
  return {layer, is_a ? 'a' : 'b'};
}

at::Tensor read_matrix(const format::GgufTensor& tensor, at::Device device,
                       const std::string& where) {
  if (tensor.shape.size() != 2 || tensor.bytes.empty()) {
    fail(where, "tensor '", printable(tensor.name, 120), "': expected a matrix, got shape ",
         shape_text(tensor.shape));
  }
  const at::Tensor matrix = dequantized(tensor);
  check_finite(matrix, tensor.name, where);
  tensor.file->forget(tensor.bytes);
  return matrix.to(device);
}

void check_pair(const LayerAdapter& layer, const std::string& where) {
  const std::string name = printable(layer.layer, 120);
  if (!layer.a.defined()) fail(where, name, ": its lora_a is missing");
  if (!layer.b.defined()) fail(where, name, ": its lora_b is missing");
  if (layer.a.size(0) != layer.b.size(1)) {
    fail(where, name, ": expected one rank in both matrices, got lora_a ",
         shape_text(layer.a.sizes().vec()), " and lora_b ", shape_text(layer.b.sizes().vec()));
  }
}

std::vector<LayerAdapter> read_layers(const format::Gguf& file, const Family& family,
                                      at::Device device) {
  const std::string where = file.file()->path().string();
  std::vector<LayerAdapter> layers;
  std::map<std::string, size_t> index;
  for (const format::GgufTensor& tensor : file.tensors()) {
    const auto [name, part] = layer_and_part(family, tensor.name, where);
    const auto [place, is_new] = index.emplace(name, layers.size());
    if (is_new) layers.push_back({name, {}, {}});
    LayerAdapter& layer = layers[place->second];
    (part == 'a' ? layer.a : layer.b) = read_matrix(tensor, device, where);
  }
  if (layers.empty()) fail(where, "the file holds no matrices");
  for (const LayerAdapter& layer : layers) check_pair(layer, where);
  return layers;
}

/// llama.cpp's get_scale: alpha / r, each layer with its own r; 1 where alpha is 0.
void set_scale(double alpha, adapter::Adapter& adapter) {
  std::set<int64_t> ranks;
  for (const LayerAdapter& layer : adapter.layers) ranks.insert(layer.rank());
  adapter::GateRule& rule = adapter.rule;
  rule.method = adapter::Method::lora;
  rule.rank = *ranks.rbegin();
  rule.train_ranks = {rule.rank};
  rule.scaling = alpha == 0 ? adapter::Scaling::none : adapter::Scaling::rank;
  rule.alpha = alpha == 0 ? 1 : alpha;
  if (alpha == 0 || ranks.size() == 1) return;
  for (LayerAdapter& layer : adapter.layers) {
    layer.b.mul_(alpha / static_cast<double>(layer.rank()));
  }
  rule.scaling = adapter::Scaling::none;
  rule.alpha = 1;
}

}  // namespace

bool is_gguf_adapter(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  char mark[4] = {};
  std::ifstream in(path, std::ios::binary);
  return path.extension() == ".gguf" ||
         (in.read(mark, sizeof mark) && std::string_view(mark, sizeof mark) == "GGUF");
}

LoadedAdapter read_gguf_adapter(const fs::path& path, at::Device device) {
  const format::Gguf file = format::Gguf::open(path);
  expect_text(file, "general.type", "adapter");
  expect_text(file, "adapter.type", "lora");
  if (file.has(kInvocation)) {
    fail(path.string(), "'", kInvocation, "' (activated LoRA) is not supported");
  }
  const Family& family = gguf_family(file);
  LoadedAdapter loaded;
  loaded.adapter.layers = read_layers(file, family, device);
  set_scale(file.number_or(kAlpha, 0), loaded.adapter);
  loaded.adapter.rule = checked(std::move(loaded.adapter.rule), path.string());
  loaded.info.base_model = file.string_or("general.base_model.0.name", "");
  loaded.info.base_name = hub_repository(file.string_or("general.base_model.0.repo_url", ""));
  loaded.architecture = file.string("general.architecture");
  loaded.rows = family.from_gguf;
  loaded.file = path;
  return loaded;
}

}  // namespace matlora::model
