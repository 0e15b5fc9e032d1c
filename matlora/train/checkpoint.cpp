#include "matlora/train/checkpoint.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <charconv>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/format/safetensors.h"
#include "matlora/model/tensors.h"

namespace matlora::train {
namespace {

constexpr int kFormatVersion = 2;  // 1 had the recipe as one line of text

struct Slot {
  std::string name;
  at::Tensor value;
};

/// Every tensor of the state, named, in a fixed order; `value` shares the live tensor's memory.
std::vector<Slot> slots(const adapter::Adapter& adapter, Trainer& trainer) {
  std::vector<Slot> result;
  size_t i = 0;
  for (const adapter::LayerAdapter& layer : adapter.layers) {
    for (const auto& [part, matrix] : {std::pair("A", layer.a), std::pair("B", layer.b)}) {
      const std::string name = layer.layer + "." + part;
      result.push_back({name, matrix.detach()});
      result.push_back({name + ".first_moment", trainer.optimizer().first_moments()[i]});
      result.push_back({name + ".second_moment", trainer.optimizer().second_moments()[i]});
      ++i;
    }
  }
  return result;
}

int64_t read_step(const std::map<std::string, std::string>& metadata, int64_t total,
                  const std::string& where) {
  const auto found = metadata.find("step");
  const std::string text = found == metadata.end() ? "" : found->second;
  int64_t step = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
  if (error != std::errc() || end != text.data() + text.size() || step < 0 || step > total) {
    fail(where, "'step': expected 0..", total, ", got '", printable(text), "'");
  }
  return step;
}

/// "lr: was 0.01, is 1; seed: was 42, is 7"
std::string differences(const RecipeRecord& was, const RecipeRecord& is) {
  RecipeRecord all = was;
  all.insert(is.begin(), is.end());
  std::string text;
  for (const auto& [name, ignored] : all) {
    const auto value = [&name = name](const RecipeRecord& recipe) {
      const auto found = recipe.find(name);
      return found == recipe.end() || found->second.empty() ? "none" : printable(found->second);
    };
    if (value(was) == value(is)) continue;
    if (!text.empty()) text += "; ";
    const bool hashed = name == "data" || name == "model";  // which tells nobody anything
    text += hashed ? cat("another ", name)
                   : cat(printable(name), ": was ", value(was), ", is ", value(is));
  }
  return text;
}

void check_version(const std::map<std::string, std::string>& metadata, const std::string& where) {
  const auto found = metadata.find("format_version");
  const std::string text = found == metadata.end() ? "none" : found->second;
  if (text == std::to_string(kFormatVersion)) return;
  int64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  fail(where, "a state of another version of matlora: expected format_version ", kFormatVersion,
       ", got ", printable(text),
       whole && version > kFormatVersion ? "; a newer matlora wrote it" : "");
}

void check_recipe(const std::map<std::string, std::string>& metadata, const RecipeRecord& recipe,
                  const std::string& where) {
  check_version(metadata, where);
  const auto text = metadata.find("recipe");
  const Json json = parse_json(text == metadata.end() ? "{}" : text->second, where);
  RecipeRecord written;
  for (const auto& [name, value] : json.items()) {
    if (value.is_string()) written[name] = value.get<std::string>();
  }
  const std::string different = differences(written, recipe);
  if (!different.empty()) {
    fail(where, "the run was started with other options: ", different,
         "; repeat it with the run.toml that is beside it");
  }
}

}  // namespace

int64_t state_bytes(const adapter::Adapter& adapter) {
  int64_t numbers = 0;
  for (const adapter::LayerAdapter& layer : adapter.layers) {
    numbers += layer.a.numel() + layer.b.numel();
  }
  constexpr int64_t kHeader = 1 << 16;  // names and offsets; about
  return 3 * numbers * static_cast<int64_t>(sizeof(float)) + kHeader;
}

void save_state(const std::filesystem::path& directory, const adapter::Adapter& adapter,
                Trainer& trainer, const RecipeRecord& recipe) {
  const auto lock = trainer.hold();
  std::vector<at::Tensor> kept;
  std::vector<format::TensorView> views;
  for (const Slot& slot : slots(adapter, trainer)) {
    kept.push_back(slot.value.to(at::kCPU).contiguous());
    views.push_back(model::view_of(slot.name, kept.back()));
  }
  format::write_safetensors(directory / kStateFile, views,
                            {{"format_version", std::to_string(kFormatVersion)},
                             {"step", std::to_string(trainer.step())},
                             {"recipe", Json(recipe).dump()}});
}

void restore_state(const std::filesystem::path& directory, adapter::Adapter& adapter,
                   Trainer& trainer, const RecipeRecord& recipe) {
  const std::filesystem::path path = directory / kStateFile;
  if (!std::filesystem::exists(path)) {
    fail(directory.string(), "nothing to resume: no ", kStateFile,
         "; the run is done, or ended before its first state was saved");
  }
  const format::Safetensors file = format::Safetensors::open(path);
  check_recipe(file.metadata(), recipe, path.string());
  const int64_t step = read_step(file.metadata(), trainer.total(), path.string());
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> first, second;
  for (const Slot& slot : slots(adapter, trainer)) {
    const format::TensorView* view = file.find(slot.name);
    if (!view || view->dtype != format::DType::f32 || view->shape != slot.value.sizes()) {
      fail(path.string(), slot.name, ": missing, or not float32 of the adapter's shape");
    }
    const at::Tensor value = model::wrap(*view, file.file());
    model::check_finite(value, slot.name, path.string());
    if (slot.name.ends_with(".first_moment")) {
      first.push_back(value);
    } else if (slot.name.ends_with(".second_moment")) {
      second.push_back(value);
    } else {
      at::Tensor(slot.value).copy_(value);
    }
  }
  trainer.optimizer().restore(first, second, step);
  trainer.set_step(step);
}

}  // namespace matlora::train
