#include "matlora/model/adapters/peft_matrices.h"

#include <ATen/ATen.h>

#include <map>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/format/path_kind.h"
#include "matlora/format/safetensors.h"
#include "matlora/model/tensors.h"

namespace matlora::model {
namespace {

namespace fs = std::filesystem;
using adapter::LayerAdapter;

/// What else PEFT writes, by a part of the tensor's name.
std::string why_not(const std::string& name) {
  if (name.find(".lora_embedding_") != std::string::npos) {
    return "it is LoRA on an embedding; train without that module in target_modules";
  }
  if (name.ends_with(".base_layer.weight")) {
    return "target_modules names a head or an embedding; train without lm_head and embed_tokens";
  }
  if (name.find("trainable_tokens") != std::string::npos) {
    return "it holds rows of an embedding (trainable_token_indices)";
  }
  if (name.find("lora_magnitude_vector") != std::string::npos) return "it is DoRA's";
  if (name.ends_with(".bias")) return "it is a bias";
  if (name.find(".lora_") == std::string::npos) {
    return "it is a whole module, of modules_to_save or of an embedding of another size";
  }
  return cat("expected ", kPeftPrefix, "<layer>.lora_A.weight or .lora_B.weight");
}

/// Splits `base_model.model.X.lora_A.weight` into X and 'A'. Throws UserError for any other name.
std::pair<std::string, char> layer_and_part(const std::string& name, const std::string& where) {
  const std::string prefix = kPeftPrefix, a = ".lora_A.weight", b = ".lora_B.weight";
  if (name.size() > prefix.size() + a.size() && name.starts_with(prefix)) {
    const std::string tail = name.substr(name.size() - a.size());
    if (tail == a || tail == b) {
      return {name.substr(prefix.size(), name.size() - prefix.size() - a.size()),
              tail == a ? 'A' : 'B'};
    }
  }
  fail(where, "tensor '", printable(name, 120),
       "' is not a LoRA matrix that matlora supports: ", why_not(name));
}

}  // namespace

void check_pair(const LayerAdapter& layer, int64_t rank, const std::string& where) {
  for (const auto& [part, matrix, axis] :
       {std::tuple("A", layer.a, int64_t{0}), std::tuple("B", layer.b, int64_t{1})}) {
    if (!matrix.defined()) fail(where, printable(layer.layer, 120), ": lora_", part, " is missing");
    if (matrix.dim() != 2 || matrix.size(axis) != rank) {
      fail(where, printable(layer.layer, 120), ": lora_", part, ": expected rank ", rank,
           " as the configuration says, got shape ", shape_text(matrix.sizes().vec()));
    }
  }
}

std::vector<LayerAdapter> read_matrices(const fs::path& directory, at::Device device,
                                        std::shared_ptr<const MappedFile>* mapped) {
  const fs::path path = directory / "adapter_model.safetensors";
  if (!fs::exists(path)) format::refuse_pickled_weights(directory);
  const format::Safetensors file = format::Safetensors::open(path);
  std::vector<LayerAdapter> layers;
  std::map<std::string, size_t> index;
  for (const format::TensorView& view : file.tensors()) {
    const auto [name, part] = layer_and_part(view.name, path.string());
    if (view.bytes.empty()) {
      fail(path.string(), "tensor '", printable(view.name, 120), "' is empty: its shape is ",
           shape_text(view.shape));
    }
    const auto [place, is_new] = index.emplace(name, layers.size());
    if (is_new) layers.push_back({name, {}, {}});
    LayerAdapter& layer = layers[place->second];
    at::Tensor matrix = wrap(view, file.file());
    if (mapped == nullptr) {
      matrix = matrix.to(at::kCPU, at::kFloat, /*non_blocking=*/false, /*copy=*/true);
    }
    check_finite(matrix, view.name, path.string());
    if (mapped != nullptr) file.file()->forget(view.bytes);
    (part == 'A' ? layer.a : layer.b) = matrix.to(device);
  }
  if (layers.empty()) fail(path.string(), "the file holds no matrices");
  if (mapped != nullptr) *mapped = file.file();
  return layers;
}

}  // namespace matlora::model
