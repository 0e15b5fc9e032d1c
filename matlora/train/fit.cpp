#include "matlora/train/fit.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <map>
#include <optional>

#include "matlora/base/error.h"
#include "matlora/base/progress.h"
#include "matlora/train/gated.h"
#include "matlora/train/optimizer.h"

namespace matlora::train {
namespace {

Gates copy_of(const Gates& gates) {
  Gates copies;
  for (const at::Tensor& gate : gates) copies.push_back(gate.detach().clone());
  return copies;
}

double mean_loss(const nn::Decoder& model, std::span<const data::Pack> packs) {
  const c10::NoGradGuard no_grad;
  double sum = 0;
  int64_t labels = 0;
  for (const data::Pack& pack : packs) {
    sum += losses_of(model, pack).sum(at::kDouble).item<double>();
    labels += pack.label_count();
  }
  return sum / static_cast<double>(labels);
}

/// What one rank's fitting found best.
struct Best {
  double loss = 0;
  Gates gates;  // empty: the start
};

/// `count` of the packs, evenly, or all where there are fewer.
std::vector<data::Pack> some_of(std::vector<data::Pack> packs, int64_t count) {
  const auto wanted = static_cast<size_t>(count);
  if (packs.size() <= wanted) return packs;
  std::vector<data::Pack> some;
  for (size_t i = 0; i < wanted; ++i) some.push_back(std::move(packs[i * packs.size() / wanted]));
  return some;
}

/// Nothing where `go_on` said no.
std::optional<FittedRank> fit_rank(const nn::Decoder& decoder, const adapter::Adapter& adapter,
                                   int64_t k, std::span<const data::Pack> packs,
                                   const FitOptions& options, Best& best) {
  const Gates gates = gates_of_rank(adapter, k, decoder.device());
  const nn::Decoder model = gated(decoder, adapter, gates);
  const double before = mean_loss(model, packs);
  best = {before, {}};
  const auto optimizer = optimizer_named("adamw", "fit").make(gates, {});
  for (int64_t step = 0; step < options.steps; ++step) {
    if (options.go_on && !options.go_on()) return std::nullopt;
    const data::Pack& pack = packs[static_cast<size_t>(step) % packs.size()];
    const at::Tensor losses = losses_of(model, pack);
    losses.backward(at::full_like(losses, 1.0 / static_cast<double>(pack.label_count())));
    const double left = static_cast<double>(options.steps - step);
    optimizer->step(options.learning_rate * left / static_cast<double>(options.steps));
  }
  const double loss = mean_loss(model, packs);
  if (std::isfinite(loss) && loss < best.loss) best = {loss, copy_of(gates)};
  return FittedRank{k, before, best.loss};
}

std::vector<double> to_vector(const at::Tensor& gate) {
  const at::Tensor values = gate.to(at::kCPU, at::kDouble).contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

}  // namespace

std::vector<FittedRank> fit_gates(const nn::Decoder& decoder, adapter::Adapter& adapter,
                                  std::span<const int64_t> ranks,
                                  std::span<const data::Example> examples,
                                  const FitOptions& options) {
  check(!examples.empty() && !decoder.on_demand(), "fit: no examples, or weights in their file");
  const std::vector<data::Pack> packs =
      some_of(packs_of(examples, options.pack_tokens, decoder.device()), options.steps);
  Progress progress("fit", static_cast<int64_t>(ranks.size()), options.quiet);
  std::vector<FittedRank> results;
  std::vector<std::map<int64_t, std::vector<double>>> fitted;
  for (const adapter::LayerAdapter& layer : adapter.layers) fitted.push_back(layer.fitted);
  for (const int64_t k : ranks) {
    Best best;
    const std::optional<FittedRank> result = fit_rank(decoder, adapter, k, packs, options, best);
    if (!result) return results;
    results.push_back(*result);
    for (size_t i = 0; i < best.gates.size(); ++i) fitted[i][k] = to_vector(best.gates[i]);
    progress.update(static_cast<double>(results.size()), cat("rank ", k));
  }
  for (size_t i = 0; i < fitted.size(); ++i) adapter.layers[i].fitted = std::move(fitted[i]);
  return results;
}

}  // namespace matlora::train
