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

}  // namespace

void save_state(const std::filesystem::path& directory, const adapter::Adapter& adapter,
                Trainer& trainer, const std::string& recipe) {
  std::vector<at::Tensor> kept;
  std::vector<format::TensorView> views;
  for (const Slot& slot : slots(adapter, trainer)) {
    kept.push_back(slot.value.to(at::kCPU).contiguous());
    views.push_back(model::view_of(slot.name, kept.back()));
  }
  format::write_safetensors(directory / kStateFile, views,
                            {{"step", std::to_string(trainer.step())}, {"recipe", recipe}});
}

void restore_state(const std::filesystem::path& directory, adapter::Adapter& adapter,
                   Trainer& trainer, const std::string& recipe) {
  const std::filesystem::path path = directory / kStateFile;
  if (!std::filesystem::exists(path)) {
    fail(directory.string(), "nothing to resume: no ", kStateFile,
         "; it is there after an interrupted run and with --save-every");
  }
  const format::Safetensors file = format::Safetensors::open(path);
  const auto written = file.metadata().find("recipe");
  if (written == file.metadata().end() || written->second != recipe) {
    fail(path.string(), "the run was started with other options: expected ", recipe, ", got ",
         written == file.metadata().end() ? "none" : printable(written->second, 600),
         "; repeat it with --config ", (directory / "run.toml").string());
  }
  const int64_t step = read_step(file.metadata(), trainer.total(), path.string());
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> first, second;
  for (const Slot& slot : slots(adapter, trainer)) {
    const format::TensorView* view = file.find(slot.name);
    if (!view || view->dtype != format::DType::f32 || view->shape != slot.value.sizes()) {
      fail(path.string(), slot.name, ": missing, or not float32 of the adapter's shape");
    }
    const at::Tensor value = model::wrap(*view, file.file());
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
