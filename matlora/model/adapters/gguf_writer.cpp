// GGUF LoRA files. Names and keys: llama.cpp's convert_lora_to_gguf.py; what a reader demands:
// src/llama-adapter.cpp.
#include "matlora/format/gguf_writer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "matlora/adapter/slice.h"
#include "matlora/model/base_name.h"
#include "matlora/model/export.h"
#include "matlora/model/families/tensor_list.h"
#include "matlora/model/tensors.h"

namespace matlora::model {
namespace {

using adapter::LayerSlice;

/// Everything that a GGUF file of this base has no place for.
std::string what_does_not_fit(const std::vector<LayerSlice>& slices, const Configuration& base) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const TensorShape& tensor : tensors_of(base)) shapes[tensor.name] = tensor.shape;
  std::string problems;
  const auto add = [&](const std::string& problem) {
    problems += (problems.empty() ? "" : "; ") + problem;
  };
  if (written_architecture(base) == nullptr) add(cat("no architecture for ", base.family->name));
  for (const LayerSlice& slice : slices) {
    const std::string& name = slice.layer->layer;
    const auto found = shapes.find(name + ".weight");
    const std::vector<int64_t> own = {slice.layer->b.size(0), slice.layer->a.size(1)};
    if (found == shapes.end() || base.family->gguf_name(name + ".weight").empty()) {
      add(cat(printable(name, 120), ": no such layer"));
    } else if (found->second != own) {
      add(cat(name, ": expected ", shape_text(found->second), ", got ", shape_text(own)));
    }
  }
  return problems;
}

/// s·r of a layer, if its gate is one number; else 0.
double alpha_of(const LayerSlice& slice) {
  if (!slice.is_scale(slice.gate.front())) return 0;
  return slice.gate.front() * static_cast<double>(slice.rank());
}

/// The alpha that most layers have unfolded, above 0; where none has one, their largest rank.
double common_alpha(const std::vector<LayerSlice>& slices) {
  std::map<double, int64_t> counts;
  double best = 0;
  int64_t largest = 1;
  for (const LayerSlice& slice : slices) {
    largest = std::max(largest, slice.rank());
    const double alpha = alpha_of(slice);
    if (!(alpha > 0)) continue;
    ++counts[alpha];
    if (best == 0 || counts[alpha] > counts[best]) best = alpha;
  }
  return best > 0 ? best : static_cast<double>(largest);
}

format::GgmlType stored_as(at::ScalarType dtype) {
  if (dtype == at::kHalf) return format::GgmlType::f16;
  return dtype == at::kBFloat16 ? format::GgmlType::bf16 : format::GgmlType::f32;
}

format::GgufPairs pairs_of(const Configuration& base, const AdapterInfo& info, double alpha,
                           format::GgmlType type, const std::string& name) {
  format::GgufPairs pairs;
  pairs.string("general.architecture", written_architecture(base))
      .string("general.type", "adapter")
      .string("adapter.type", "lora")
      .f32("adapter.lora.alpha", alpha)
      .string("general.name", name)
      .u32("general.file_type", file_type_of(type))
      .u32("general.quantization_version", 2);
  const std::string repository = hub_repository(info.base_name);
  if (repository.empty()) return pairs;
  const std::string start = "general.base_model.0.";
  const size_t slash = repository.find('/');
  return pairs.u32("general.base_model.count", 1)
      .string(start + "name", repository.substr(slash + 1))
      .string(start + "organization", repository.substr(0, slash))
      .string(start + "repo_url", "https://huggingface.co/" + repository);
}

}  // namespace

void check_layers(const adapter::Adapter& adapter, const Configuration& base,
                  const std::string& where) {
  std::vector<adapter::LayerShape> shapes;
  for (const TensorShape& tensor : tensors_of(base)) {
    if (tensor.shape.size() != 2 || !tensor.name.starts_with("model.layers.")) continue;
    const std::string name = tensor.name.substr(0, tensor.name.rfind('.'));
    shapes.push_back({name, tensor.shape[1], tensor.shape[0]});
  }
  adapter::check_fits(shapes, adapter, where);
}

void export_gguf(const std::filesystem::path& file, const adapter::Adapter& adapter,
                 const AdapterInfo& info, const ExportOptions& options, const Configuration& base) {
  const std::vector<LayerSlice> slices = adapter::sliced(adapter, options.plan, options.gate);
  if (slices.empty()) {
    fail_field("rank", "expected 1..", adapter.rule.rank, ", got ", options.plan.rank);
  }
  if (const std::string problems = what_does_not_fit(slices, base); !problems.empty()) {
    fail(file.string(), "a GGUF adapter of this base cannot carry: ", problems);
  }
  const format::GgmlType type = stored_as(options.dtype);
  std::vector<format::GgufPlan> plans;
  for (const LayerSlice& slice : slices) {
    const std::string name = base.family->gguf_name(slice.layer->layer + ".weight");
    plans.push_back({name + ".lora_a", type, {slice.rank(), slice.layer->a.size(1)}});
    plans.push_back({name + ".lora_b", type, {slice.layer->b.size(0), slice.rank()}});
  }
  const double alpha = common_alpha(slices);
  const std::string name = std::filesystem::path(file).stem().string();
  format::GgufWriter writer(file, pairs_of(base, info, alpha, type, name), std::move(plans));
  for (const LayerSlice& slice : slices) {
    const std::string& layer = slice.layer->layer;
    const double scale =
        alpha_of(slice) == alpha ? slice.gate.front() : alpha / static_cast<double>(slice.rank());
    const at::Tensor b = to_gguf_rows(layer + ".weight", slice.b(scale), base);
    for (const at::Tensor& matrix : {slice.a(), b}) {
      const at::Tensor rounded = matrix.to(options.dtype).contiguous();
      check_rounded(rounded, layer, file.string());
      writer.write({static_cast<const std::byte*>(rounded.const_data_ptr()), rounded.nbytes()});
    }
    adapter::forget(*slice.layer, options.file.get());
  }
  writer.commit();
}

}  // namespace matlora::model
