#include <ATen/ATen.h>

#include <map>
#include <set>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
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
    const bool single = is_there(directory / "model.safetensors");
    if (!single && !is_there(index)) format::refuse_pickled_weights(directory);
    if (single || !is_there(index)) {
      add_file(directory / "model.safetensors");
    } else {
      add_shards(index);
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

  /// The files that the index names, which hold all that it says.
  void add_shards(const fs::path& index) {
    const Json json = read_json(index);
    const JsonObject map = JsonObject(json, index.string()).object("weight_map");
    std::set<std::string> names;
    for (const auto& [key, value] : map.value().items()) {
      const std::string shard = map.string(key);
      if (fs::path(shard).filename() != shard) {
        fail(index.string(), "'", printable(key), "': expected a file name, got '",
             printable(shard), "'");
      }
      if (names.insert(shard).second) add_file(directory_ / shard);
    }
    for (const auto& [key, value] : map.value().items()) {
      const auto found = tensors_.find(plain_name(key));
      const fs::path shard = directory_ / map.string(key);
      if (found == tensors_.end() || found->second.file->path() != shard) {
        fail(shard.string(), "tensor '", printable(key), "' is missing; ",
             index.filename().string(), " says that it is in this file");
      }
    }
  }

  void add_file(const fs::path& path) {
    files_.push_back(std::make_unique<format::Safetensors>(format::Safetensors::open(path)));
    for (const format::TensorView& view : files_.back()->tensors()) {
      if (!tensors_.insert({plain_name(view.name), {&view, files_.back()->file()}}).second) {
        fail(path.string(), "tensor '", printable(view.name), "' is in another shard too");
      }
    }
  }

  fs::path directory_;
  std::vector<std::unique_ptr<format::Safetensors>> files_;
  std::map<std::string, Place> tensors_;
};

}  // namespace

std::string plain_name(const std::string& name) {
  const std::string outer = "language_model.";
  if (name.starts_with(outer)) return name.substr(outer.size());
  for (const std::string inner : {"model.language_model.", "model.text_model."}) {
    if (name.starts_with(inner)) return "model." + name.substr(inner.size());
  }
  return name;
}

std::unique_ptr<WeightSource> open_hf_weights(const fs::path& directory) {
  return std::make_unique<HfWeights>(directory);
}

}  // namespace matlora::model
