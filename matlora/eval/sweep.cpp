// N tokens and M label tokens of one pack, C hidden size, V vocabulary.
#include "matlora/eval/sweep.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/progress.h"
#include "matlora/data/packing.h"

namespace matlora::eval {
namespace {

struct PackScore {
  std::vector<double> nll;  // per example, summed over its label tokens
  int64_t correct = 0;
};

/// losses: [M] -> one sum per example
std::vector<double> sum_per_example(const at::Tensor& losses, std::span<const int64_t> counts) {
  const at::Tensor values = losses.to(at::kCPU, at::kDouble).contiguous();
  const double* next = values.const_data_ptr<double>();
  std::vector<double> sums;
  for (const int64_t count : counts) {
    sums.push_back(std::accumulate(next, next + count, 0.0));
    next += count;
  }
  return sums;
}

PackScore score(const nn::Llama& llama, const data::Pack& pack) {
  const at::Tensor h = llama.hidden(pack.tokens, pack.lengths, pack.rows);  // [M, C]
  const nn::LabelScores scores = llama.scores(h, pack.labels);
  return {sum_per_example(scores.losses, pack.label_counts), scores.correct.sum().item<int64_t>()};
}

std::vector<data::Pack> pack_all(std::span<const data::Example> examples, int64_t token_budget,
                                 at::Device device) {
  std::vector<int64_t> indices(examples.size());
  std::iota(indices.begin(), indices.end(), 0);
  std::vector<data::Pack> packs;
  for (const auto& group : data::split_by_tokens(examples, indices, token_budget)) {
    packs.push_back(data::pack(examples, group, device));
  }
  return packs;
}

/// Adds rank `rank` to the result. `nll`: of every example, in order.
void add_rank(SweepResult& result, RankScore row, std::span<const double> nll,
              std::span<const data::Example> examples, bool samples) {
  for (size_t i = 0; i < nll.size(); ++i) {
    const int64_t tokens = examples[i].label_tokens();
    row.tokens += tokens;
    row.loss += nll[i];
    if (samples) result.samples.push_back({row.rank, static_cast<int64_t>(i), tokens, nll[i]});
  }
  row.loss /= static_cast<double>(row.tokens);
  if (!std::isfinite(row.loss)) {
    fail("sweep", "rank ", row.rank, ": the loss is ", row.loss, "; try --dtype float32");
  }
  row.perplexity = std::exp(row.loss);
  row.token_accuracy /= static_cast<double>(row.tokens);
  result.rows.push_back(row);
}

void check_request(const adapter::Adapter* adapter, std::span<const data::Example> examples,
                   const SweepOptions& options) {
  check(!examples.empty(), "sweep: no examples");
  for (const int64_t rank : options.ranks) {
    check(adapter != nullptr || rank == 0, "sweep: rank ", rank, " without an adapter");
  }
}

}  // namespace

SweepResult run_sweep(const nn::Llama& llama, adapter::Adapter* adapter,
                      std::span<const data::Example> examples, const SweepOptions& options) {
  check_request(adapter, examples, options);
  const c10::NoGradGuard no_grad;
  const auto packs = pack_all(examples, options.pack_tokens, llama.device());
  Progress progress("sweep", static_cast<int64_t>(packs.size() * options.ranks.size()),
                    options.quiet);
  int64_t packs_done = 0;
  SweepResult result;
  for (const int64_t rank : options.ranks) {
    const double start_s = progress.elapsed_s();
    RankScore row;
    row.rank = rank;
    if (adapter != nullptr) {
      adapter->select_rank(rank, options.gate, llama.device());
      row.adapter_parameters = adapter->parameters(rank);
    }
    nn::Llama at_rank = llama;
    nn::merge_deltas(at_rank);
    std::vector<double> nll;
    for (const data::Pack& pack : packs) {
      if (options.stop && options.stop()) {
        result.stopped = true;
        return result;
      }
      const PackScore scored = score(at_rank, pack);
      nll.insert(nll.end(), scored.nll.begin(), scored.nll.end());
      row.token_accuracy += static_cast<double>(scored.correct);  // a count until add_rank
      progress.update(++packs_done, cat("rank ", rank));
    }
    row.seconds = progress.elapsed_s() - start_s;
    add_rank(result, row, nll, examples, options.samples);
  }
  return result;
}

}  // namespace matlora::eval
