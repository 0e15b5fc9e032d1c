// An adapter directory, PEFT's or matlora's; then a slice of each of its first ranks.
#include <ATen/ATen.h>

#include "fuzz/bundle.h"
#include "fuzz/mutate.h"
#include "matlora/model/adapter_io.h"

namespace matlora::fuzz {
namespace {

constexpr int64_t kMostRank = 8;

void read(std::string_view input) {
  const auto folder = as_folder(input, "adapter");
  const model::LoadedAdapter loaded = model::load_adapter(folder, at::kCPU);
  const adapter::Adapter& adapter = loaded.adapter;
  const auto output = as_folder("{}", "slice");
  for (int64_t k = 1; k <= std::min(adapter.rule.rank, kMostRank); ++k) {
    model::save_slice(output, adapter, k, adapter.inference_gate, loaded.info);
  }
}

}  // namespace

const Target target{"adapter", read, mutate_json_text};

}  // namespace matlora::fuzz
