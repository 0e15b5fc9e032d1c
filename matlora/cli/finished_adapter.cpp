#include "matlora/cli/finished_adapter.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "matlora/adapter/compress.h"
#include "matlora/adapter/fold.h"
#include "matlora/base/error.h"
#include "matlora/base/progress.h"
#include "matlora/eval/calibration.h"
#include "matlora/train/fit.h"

namespace matlora::cli {
namespace {

/// Tokens whose inputs weight the order of directions: more than most layers have inputs, and a
/// short time.
constexpr int64_t kNestingTokens = 8192;

// At its full rank the trained gate is what was trained; DyLoRA's is that of R.
constexpr auto kGate = adapter::InferenceGate::trained;

}  // namespace

adapter::Adapter shipped(const adapter::Adapter& adapter) {
  return adapter.rule.method == adapter::Method::nested
             ? adapter::folded(adapter, adapter.inference_gate)
             : adapter;
}

int64_t directions_to_order(const std::string& nest, const adapter::GateRule& rule,
                            const std::string& rank_weights) {
  if (nest == "none") return 0;
  if (nest == "svd") return rule.rank;
  if (nest != "auto") {
    fail("--nest", "unknown value '", printable(nest), "'; expected auto|svd|none");
  }
  if (rule.method != adapter::Method::nested) return 0;
  const train::RankWeights weights =
      train::parse_rank_weights(rank_weights, rule, "--rank-weights");
  int64_t first = 0;
  for (size_t i = 0; i + 1 < weights.ranks.size(); ++i) {
    if (weights.first[i] + weights.last[i] > 0) first = weights.ranks[i];
  }
  return first > 0 ? first : rule.rank;
}

FinishedAdapter renested(const nn::Decoder& decoder, const adapter::Adapter& adapter,
                         const train::Trainer& trainer, int64_t first, const std::string& where) {
  const std::vector<data::Example> examples = trainer.last_examples(kNestingTokens);
  adapter::Renested nested;  // layers in the order in which the model runs them
  const auto add = [&](const adapter::Moments& moments) {
    adapter::Adapter part = adapter;
    std::erase_if(part.layers, [&](const adapter::LayerAdapter& layer) {
      return moments.of.count(layer.layer) == 0;
    });
    adapter::Renested some = first < adapter.rule.rank
                                 ? adapter::renest_first(part, kGate, first, &moments, where)
                                 : adapter::renest(part, kGate, first, &moments, where);
    std::move(some.layers.begin(), some.layers.end(), std::back_inserter(nested.layers));
    nested.singular_values.merge(some.singular_values);
  };
  const int64_t tokens = eval::stream_moments(decoder, adapter, kGate, first, examples, add);
  check(nested.layers.size() == adapter.layers.size(), "re-nesting: a layer was not run");
  FinishedAdapter result;
  result.adapter.rule = adapter::unit_rule(adapter.rule);
  result.adapter.inference_gate = kGate;
  result.adapter.layers = std::move(nested.layers);
  for (adapter::LayerAdapter& layer : result.adapter.layers) {
    layer.a = layer.a.to(decoder.device());
    layer.b = layer.b.to(decoder.device());
  }
  result.made = model::Compression{.from = "",
                                   .weighted = true,
                                   .tokens = tokens,
                                   .regularisation = adapter::kMomentRegularisation,
                                   .directions = first,
                                   .singular_values = std::move(nested.singular_values)};
  return result;
}

bool fit_finished(const nn::Decoder& decoder, const adapter::GateRule& rule,
                  const train::Trainer& trainer, const std::function<bool()>& go_on, bool quiet,
                  adapter::Adapter& adapter) {
  std::vector<int64_t> ranks = rule.train_ranks;
  std::erase_if(ranks, [&](int64_t rank) { return rank >= rule.rank; });
  if (ranks.empty()) return true;
  train::FitOptions options;
  options.go_on = go_on;
  options.quiet = quiet;
  // Of the last steps alone, so that a resumed run does the same.
  const int64_t most = options.steps * options.pack_tokens;
  const auto parts = 2 * std::ssize(ranks);
  int64_t tokens = 0;
  for (const data::Example& example : trainer.last_examples(parts * most)) {
    tokens += std::ssize(example.tokens);
  }
  options.steps = std::clamp<int64_t>(
      (tokens / parts + options.pack_tokens / 2) / options.pack_tokens, 1, options.steps);
  const std::vector<data::Example> examples =
      trainer.last_examples(options.steps * options.pack_tokens);
  const std::vector<train::FittedRank> fitted =
      train::fit_gates(decoder, adapter, ranks, examples, options);
  if (fitted.size() < ranks.size()) return false;
  for (const train::FittedRank& one : fitted) {
    say(quiet, cat("gates of rank ", one.rank, " fitted: loss ", one.before, " to ", one.after));
  }
  return true;
}

}  // namespace matlora::cli
