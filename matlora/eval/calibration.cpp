#include "matlora/eval/calibration.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "matlora/adapter/moments.h"
#include "matlora/base/progress.h"
#include "matlora/data/packing.h"

namespace matlora::eval {
namespace {

constexpr int64_t kPackTokens = 4096;

}  // namespace

Calibration gather_moments(const nn::Llama& llama, adapter::Adapter& adapter,
                           adapter::InferenceGate gate, int64_t rank,
                           std::span<const data::Example> examples, bool quiet) {
  const c10::NoGradGuard no_grad;
  adapter.select_rank(rank, gate, llama.device());
  std::set<std::string> layers;
  for (const adapter::LayerAdapter& layer : adapter.layers) layers.insert(layer.layer);
  nn::Llama observed = llama;
  adapter::MomentCollector collector(observed, layers);
  std::vector<int64_t> indices(examples.size());
  std::iota(indices.begin(), indices.end(), 0);
  const auto groups = data::split_by_tokens(examples, indices, kPackTokens);
  Progress progress("calibrate", static_cast<int64_t>(groups.size()), quiet);
  Calibration result;
  double done = 0;
  for (const auto& group : groups) {
    const data::Pack pack = data::pack(examples, group, llama.device());
    observed.hidden(pack.tokens, pack.lengths, pack.rows);
    result.tokens += pack.token_count();
    progress.update(++done, "");
  }
  result.moments = collector.take();
  return result;
}

}  // namespace matlora::eval
