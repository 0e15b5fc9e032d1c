#include "matlora/model/adapters/peft_matrices.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/format/safetensors.h"
#include "matlora/format/torch_file.h"
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

/// What a tensor's name says.
struct Part {
  std::string layer, adapter;  // adapter: "" where it is left out
  char matrix;
};

/// Throws UserError for a name that is none of a LoRA matrix.
Part part_of(const std::string& name, const std::string& where) {
  const std::string prefix = kPeftPrefix, weight = ".weight", mark = ".lora_A";
  std::string rest = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
  const size_t at = std::max(rest.rfind(".lora_A.") + 1, rest.rfind(".lora_B.") + 1);
  if (at > 1 && rest.ends_with(weight)) {
    const size_t begin = at - 1 + mark.size(), end = rest.size() - weight.size();
    const std::string adapter = begin < end ? rest.substr(begin + 1, end - begin - 1) : "";
    if (begin <= end && adapter.find('.') == std::string::npos &&
        (begin == end || !adapter.empty())) {
      return {rest.substr(0, at - 1), adapter, rest[at + 5]};
    }
  }
  fail(where, "tensor '", printable(name, 120),
       "' is not a LoRA matrix that matlora supports: ", why_not(name));
}

/// Adds tensors one by one.
class PairReader {
 public:
  /// stay: matrices are views of the file.
  PairReader(const fs::path& path, at::Device device, bool stay)
      : where_(path.string()), device_(device), stay_(stay) {}

  void add(const format::TensorView& view, const std::shared_ptr<const MappedFile>& file) {
    const Part part = part_of(view.name, where_);
    if (view.bytes.empty()) {
      fail(where_, "tensor '", printable(view.name, 120), "' is empty: its shape is ",
           shape_text(view.shape));
    }
    if (layers_.empty()) adapter_ = part.adapter;
    if (part.adapter != adapter_) {
      fail(where_, "tensor '", printable(view.name, 120), "' is of another adapter than the first ",
           "('", printable(adapter_), "'); expected one adapter");
    }
    const auto [place, is_new] = index_.emplace(part.layer, layers_.size());
    if (is_new) layers_.push_back({part.layer, {}, {}});
    LayerAdapter& layer = layers_[place->second];
    at::Tensor& kept = part.matrix == 'A' ? layer.a : layer.b;
    if (kept.defined()) {
      fail(where_, printable(part.layer, 120), ": lora_", part.matrix, " is there twice");
    }
    at::Tensor matrix = wrap(view, file);
    if (!stay_) matrix = matrix.to(at::kCPU, at::kFloat, /*non_blocking=*/false, /*copy=*/true);
    check_finite(matrix, view.name, where_);
    if (stay_) file->forget(view.bytes);
    kept = matrix.to(device_);
  }

  std::vector<LayerAdapter> take() {
    if (layers_.empty()) fail(where_, "the file holds no matrices");
    return std::move(layers_);
  }

 private:
  std::string where_, adapter_;
  at::Device device_;
  bool stay_;
  std::vector<LayerAdapter> layers_;
  std::map<std::string, size_t> index_;
};

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

fs::path matrices_file(const fs::path& directory) {
  const fs::path path = directory / "adapter_model.safetensors";
  const fs::path pickled = directory / "adapter_model.bin";
  return !is_there(path) && is_there(pickled) ? pickled : path;
}

std::vector<LayerAdapter> read_matrices(const fs::path& path, at::Device device,
                                        std::shared_ptr<const MappedFile>* mapped) {
  const bool pickled = path.extension() == ".bin";
  const bool stay = mapped != nullptr && !pickled;
  PairReader matrices(path, device, stay);
  const auto add_all = [&](const auto& file) {
    for (const format::TensorView& view : file.tensors()) matrices.add(view, file.file());
  };
  if (pickled) {
    add_all(format::TorchFile::open(path));
  } else {
    const format::Safetensors file = format::Safetensors::open(path);
    add_all(file);
    if (stay) *mapped = file.file();
  }
  return matrices.take();
}

}  // namespace matlora::model
