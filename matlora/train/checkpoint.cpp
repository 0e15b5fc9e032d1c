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

/// The matrices, named, in the order of the parameters; `value` shares the live tensor's memory.
std::vector<Slot> matrices_of(const adapter::Adapter& adapter) {
  std::vector<Slot> result;
  for (const adapter::LayerAdapter& layer : adapter.layers) {
    for (const auto& [part, matrix] : {std::pair("A", layer.a), std::pair("B", layer.b)}) {
      result.push_back({cat(layer.layer, ".", part), matrix.detach()});
    }
  }
  return result;
}

/// The tensor of that name, of `like`'s shape, in the file's memory.
at::Tensor read_tensor(const format::Safetensors& file, const std::string& name,
                       const at::Tensor& like, const std::string& where) {
  const format::TensorView* view = file.find(name);
  if (!view || view->dtype != format::DType::f32 || view->shape != like.sizes()) {
    fail(where, name, ": missing, or not float32 of the adapter's shape");
  }
  at::Tensor value = model::wrap(*view, file.file());
  model::check_finite(value, name, where);
  return value;
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

/// The recipe as it is written: with the optimizer, whose state no other one can continue.
RecipeRecord with_optimizer(RecipeRecord recipe, const Optimizer& optimizer) {
  recipe["optimizer"] = optimizer.name();
  return recipe;
}

/// `recipe`: this run's, with its optimizer.
void check_recipe(const std::map<std::string, std::string>& metadata, const RecipeRecord& recipe,
                  const std::string& where) {
  check_version(metadata, where);
  const auto text = metadata.find("recipe");
  const Json json = parse_json(text == metadata.end() ? "{}" : text->second, where);
  RecipeRecord written;
  for (const auto& [name, value] : json.items()) {
    if (value.is_string()) written[name] = value.get<std::string>();
  }
  written.emplace("optimizer", "adamw");  // the only one there was when states did not name it
  const std::string different = differences(written, recipe);
  if (!different.empty()) {
    fail(where, "the run was started with other options: ", different,
         "; repeat it with the run.toml that is next to it");
  }
}

}  // namespace

int64_t state_bytes(const adapter::Adapter& adapter, const Optimizer& optimizer) {
  int64_t numbers = 0;
  for (const adapter::LayerAdapter& layer : adapter.layers) {
    numbers += layer.a.numel() + layer.b.numel();
  }
  constexpr int64_t kHeader = 1 << 16;  // names and offsets; about
  const int64_t copies = 1 + std::ssize(optimizer.state());
  return copies * numbers * static_cast<int64_t>(sizeof(float)) + kHeader;
}

void save_state(const std::filesystem::path& directory, const adapter::Adapter& adapter,
                Trainer& trainer, const RecipeRecord& recipe) {
  const auto lock = trainer.hold();
  const std::vector<Slot> matrices = matrices_of(adapter);
  const std::vector<OptimizerState> states = trainer.optimizer().state();
  std::vector<at::Tensor> kept;
  std::vector<format::TensorView> views;
  const auto add = [&](const std::string& name, const at::Tensor& value) {
    kept.push_back(value.to(at::kCPU).contiguous());
    views.push_back(model::view_of(name, kept.back()));
  };
  for (size_t i = 0; i < matrices.size(); ++i) {
    add(matrices[i].name, matrices[i].value);
    for (const OptimizerState& state : states) {
      add(cat(matrices[i].name, ".", state.name), state.values[i]);
    }
  }
  format::write_safetensors(directory / kStateFile, views,
                            {{"format_version", std::to_string(kFormatVersion)},
                             {"step", std::to_string(trainer.step())},
                             {"recipe", Json(with_optimizer(recipe, trainer.optimizer())).dump()}});
}

void restore_state(const std::filesystem::path& directory, adapter::Adapter& adapter,
                   Trainer& trainer, const RecipeRecord& recipe) {
  const std::filesystem::path path = directory / kStateFile;
  if (!std::filesystem::exists(path)) {
    fail(directory.string(), "nothing to resume: no ", kStateFile,
         "; the run is done, or ended before its first state was saved");
  }
  const format::Safetensors file = format::Safetensors::open(path);
  check_recipe(file.metadata(), with_optimizer(recipe, trainer.optimizer()), path.string());
  const int64_t step = read_step(file.metadata(), trainer.total(), path.string());
  const std::vector<Slot> matrices = matrices_of(adapter);
  std::vector<OptimizerState> states = trainer.optimizer().state();
  std::vector<at::Tensor> values;
  for (size_t i = 0; i < matrices.size(); ++i) {
    values.push_back(read_tensor(file, matrices[i].name, matrices[i].value, path.string()));
    for (OptimizerState& state : states) {  // the live tensors give way to the file's
      state.values[i] =
          read_tensor(file, cat(matrices[i].name, ".", state.name), state.values[i], path.string());
    }
  }
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < matrices.size(); ++i) at::Tensor(matrices[i].value).copy_(values[i]);
  trainer.optimizer().restore(states, step);
  trainer.set_step(step);
}

}  // namespace matlora::train
