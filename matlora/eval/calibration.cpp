#include "matlora/eval/calibration.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "matlora/adapter/bank.h"
#include "matlora/adapter/moments.h"
#include "matlora/base/progress.h"
#include "matlora/data/packing.h"

namespace matlora::eval {
namespace {

constexpr int64_t kPackTokens = 4096;
constexpr size_t kHeldBytes = 32 << 20;

std::set<std::string> names_of(const adapter::Adapter& adapter) {
  std::set<std::string> layers;
  for (const adapter::LayerAdapter& layer : adapter.layers) layers.insert(layer.layer);
  return layers;
}

}  // namespace

Calibration gather_moments(const nn::Decoder& decoder, const adapter::Adapter& adapter,
                           adapter::InferenceGate gate, int64_t rank,
                           std::span<const data::Example> examples, bool quiet) {
  const c10::NoGradGuard no_grad;
  nn::Decoder observed = adapter::with_adapter(decoder, adapter, rank, gate);
  adapter::MomentCollector collector(observed, names_of(adapter));
  std::vector<int64_t> indices(examples.size());
  std::iota(indices.begin(), indices.end(), 0);
  const auto groups = data::split_by_tokens(examples, indices, kPackTokens);
  Progress progress("calibrate", static_cast<int64_t>(groups.size()), quiet);
  Calibration result;
  double done = 0;
  for (const auto& group : groups) {
    const data::Pack pack = data::pack(examples, group, decoder.device());
    observed.hidden(pack.tokens, pack.lengths, pack.rows);
    result.tokens += pack.token_count();
    progress.update(++done, "");
  }
  result.moments = collector.take();
  return result;
}

int64_t stream_moments(const nn::Decoder& decoder, const adapter::Adapter& adapter,
                       adapter::InferenceGate gate, int64_t rank,
                       std::span<const data::Example> examples,
                       const std::function<void(const adapter::Moments&)>& ready) {
  const c10::NoGradGuard no_grad;
  std::vector<int64_t> all(examples.size());
  std::iota(all.begin(), all.end(), 0);
  const data::Pack pack = data::pack(examples, all, decoder.device());
  nn::Decoder observed = adapter::with_adapter(decoder, adapter, rank, gate);
  adapter::MomentCollector collector(observed, names_of(adapter), ready, kHeldBytes);
  observed.hidden(pack.tokens, pack.lengths, pack.rows);
  ready(collector.take());
  return pack.token_count();
}

}  // namespace matlora::eval
