#include <ATen/ATen.h>

#include <map>
#include <set>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/format/path_kind.h"
#include "matlora/format/safetensors.h"
#include "matlora/model/tensors.h"
#include "matlora/model/weights.h"

namespace matlora::model {
namespace {

class HfWeights : public WeightSource {
 public:
  explicit HfWeights(const fs::path& directory) : directory_(directory) {
    const fs::path index = directory / "model.safetensors.index.json";
    const bool single = fs::exists(directory / "model.safetensors");
    if (!single && !fs::exists(index)) format::refuse_pickled_weights(directory);
    if (single || !fs::exists(index)) {
      add_file(directory / "model.safetensors");
    } else {
      for (const std::string& shard : shards(index)) add_file(directory / shard);
    }
  }

  bool has(const std::string& name) const override { return tensors_.count(name) != 0; }

  at::Tensor get(const std::string& name, const std::vector<int64_t>& shape) const override {
    const Place& place = find(name, shape);
    return wrap(*place.view, place.file);
  }

  at::Tensor copy(const std::string& name, const std::vector<int64_t>& shape) const override {
    const Place& place = find(name, shape);
    at::Tensor value = wrap(*place.view, place.file).clone();
    place.file->forget(place.view->bytes);
    return value;
  }

  std::string where() const override { return directory_.string(); }

 private:
  struct Place {
    const format::TensorView* view;
    std::shared_ptr<const MappedFile> file;
  };

  const Place& find(const std::string& name, const std::vector<int64_t>& shape) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) fail(where(), "tensor '", name, "' is missing");
    const Place& place = found->second;
    if (place.view->shape != shape) {
      fail(place.file->path().string(), name, ": expected shape ", shape_text(shape),
           " from config.json, got ", shape_text(place.view->shape));
    }
    return place;
  }

  static std::set<std::string> shards(const fs::path& index) {
    const Json json = read_json(index);
    const JsonObject map = JsonObject(json, index.string()).object("weight_map");
    std::set<std::string> names;
    for (const auto& [key, value] : map.value().items()) {
      const std::string shard = map.string(key);
      if (fs::path(shard).filename() != shard) {
        fail(index.string(), "'", printable(key), "': expected a file name, got '",
             printable(shard), "'");
      }
      names.insert(shard);
    }
    return names;
  }

  void add_file(const fs::path& path) {
    files_.push_back(std::make_unique<format::Safetensors>(format::Safetensors::open(path)));
    for (const format::TensorView& view : files_.back()->tensors()) {
      if (!tensors_.insert({view.name, {&view, files_.back()->file()}}).second) {
        fail(path.string(), "tensor '", printable(view.name), "' is in another shard too");
      }
    }
  }

  fs::path directory_;
  std::vector<std::unique_ptr<format::Safetensors>> files_;
  std::map<std::string, Place> tensors_;
};

}  // namespace

std::unique_ptr<WeightSource> open_hf_weights(const fs::path& directory) {
  return std::make_unique<HfWeights>(directory);
}

}  // namespace matlora::model
