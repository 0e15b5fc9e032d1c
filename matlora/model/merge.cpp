#include "matlora/model/merge.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "matlora/model/merge_plan.h"

namespace matlora::model {

namespace fs = std::filesystem;
using format::GgmlType;

struct Merge::Plan {
  MergeSource source;
  MergeOptions options;
  std::map<std::string, adapter::LayerSlice> slices;  // by the weight's plain name
  MergedFiles files;
};

namespace {

/// What the base's matrices are stored in: of the first one of a layer.
GgmlType stored_type_of(const MergeSource& source) {
  for (const SourceTensor& tensor : source.tensors()) {
    if (!tensor.plain.starts_with("model.layers.") || tensor.shape.size() != 2) continue;
    const GgmlType type = *tensor.type;
    return format::block_items(type) == 1 ? type : GgmlType::f16;
  }
  throw BugError("merge: a model without matrices");
}

}  // namespace

Merge::Merge(const fs::path& base, const adapter::Adapter& adapter, MergeOptions options)
    : plan_(new Plan{MergeSource(base), std::move(options), {}, {}}) {
  MergeOptions& own = plan_->options;
  const Configuration& model = plan_->source.configuration();
  check_layers(adapter, model, base.string());
  for (adapter::LayerSlice& slice : adapter::sliced(adapter, own.plan, own.gate)) {
    plan_->slices.emplace(slice.layer->layer + ".weight", std::move(slice));
  }
  if (!own.type) own.type = stored_type_of(plan_->source);
  if (!own.to_gguf && format::block_items(*own.type) > 1) {
    fail_field("dtype", format::ggml_type_name(*own.type),
               " is of GGUF files; expected float32, bfloat16 or float16 for a directory");
  }
  plan_->files = own.to_gguf ? plan_gguf(plan_->source, *own.type)
                             : plan_directory(plan_->source, *own.type, own.max_shard_bytes);
}

Merge::~Merge() = default;
Merge::Merge(Merge&&) noexcept = default;

std::vector<std::string> Merge::files() const { return plan_->files.names(); }

uint64_t Merge::bytes() const {
  uint64_t sum = 0;
  for (const MergedShard& shard : plan_->files.shards) {
    for (const MergedTensor& tensor : shard.tensors) sum += tensor.bytes();
  }
  return sum;
}

GgmlType Merge::type() const { return *plan_->options.type; }

bool Merge::write(const fs::path& path, const std::function<bool(uint64_t)>& step) const {
  const MergeWork work{plan_->source, plan_->slices, step, plan_->options.file.get()};
  return plan_->options.to_gguf ? write_gguf(path, plan_->files, work)
                                : write_directory(path, plan_->files, work);
}

uint64_t parse_bytes(const std::string& text, const std::string& where) {
  constexpr std::pair<const char*, double> kUnits[] = {
      {"GiB", 0x1p30}, {"MiB", 0x1p20}, {"KiB", 0x1p10}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}};
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), last, number);
  std::string unit(rest, last);
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](unsigned char c) { return static_cast<char>(c == 'i' ? c : std::toupper(c)); });
  for (const auto& [name, factor] : kUnits) {
    const bool is_unit = unit == name || (unit.size() == 3 && unit[1] == 'I' &&
                                          unit[0] == name[0] && name[1] == 'i');
    if (error != std::errc() || !is_unit) continue;
    const double bytes = number * factor;
    if (bytes >= 1 && bytes < 1e18) return static_cast<uint64_t>(bytes);
  }
  fail(where, "expected a size such as 5GB, 200MB or 2GiB, got '", printable(text, 40), "'");
}

}  // namespace matlora::model
