// M label tokens of one pack, C hidden size.
#include "matlora/eval/sweep.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "matlora/adapter/bank.h"
#include "matlora/base/error.h"
#include "matlora/base/progress.h"
#include "matlora/data/packing.h"
#include "matlora/eval/paired.h"
#include "matlora/nn/not_finite.h"

namespace matlora::eval {
namespace {

struct PackScore {
  std::vector<double> nll, correct;  // per example, summed over its label tokens
};

/// rows: [M], one per label token -> one sum per example
std::vector<double> sum_per_example(const at::Tensor& rows, std::span<const int64_t> counts) {
  const at::Tensor values = rows.to(at::kCPU, at::kDouble).contiguous();
  const double* next = values.const_data_ptr<double>();
  std::vector<double> sums;
  for (const int64_t count : counts) {
    sums.push_back(std::accumulate(next, next + count, 0.0));
    next += count;
  }
  return sums;
}

PackScore score(const nn::Decoder& decoder, const data::Pack& pack) {
  const at::Tensor h = decoder.hidden(pack.tokens, pack.lengths, pack.rows);  // [M, C]
  const nn::LabelScores scores = decoder.scores(h, pack.labels);
  return {sum_per_example(scores.losses, pack.label_counts),
          sum_per_example(scores.correct, pack.label_counts)};
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

/// What a sweep needs at every rank, and how far it is.
struct Sweep {
  const SweepWork& work;
  const SweepOptions& options;
  std::vector<data::Pack> packs;
  Progress progress;
  int64_t done = 0;  // packs and documents

  bool stopped() const { return options.stop && options.stop(); }
  void advance(int64_t rank) { progress.update(static_cast<double>(++done), cat("rank ", rank)); }
};

/// Packs and documents of one rank.
int64_t steps_of(const SweepWork& work, size_t packs) {
  auto steps = static_cast<int64_t>(packs);
  for (const TaskSuite& suite : work.suites) {
    for (const PreparedTask& task : suite.tasks) steps += task.protocol.documents;
  }
  return steps;
}

/// Teacher-forced scores of one rank; false when stopped.
bool score_examples(const nn::Decoder& at_rank, Sweep& sweep, RankScore& row,
                    std::vector<Sample>& samples) {
  std::vector<double> nll, right;  // of every example, in order
  int64_t correct = 0;
  for (const data::Pack& pack : sweep.packs) {
    if (sweep.stopped()) return false;
    const PackScore scored = score(at_rank, pack);
    nll.insert(nll.end(), scored.nll.begin(), scored.nll.end());
    right.insert(right.end(), scored.correct.begin(), scored.correct.end());
    sweep.advance(row.rank);
  }
  for (size_t i = 0; i < nll.size(); ++i) {
    const int64_t tokens = sweep.work.examples[i].label_tokens();
    row.tokens += tokens;
    row.loss += nll[i];
    samples.push_back({row.rank, static_cast<int64_t>(i), tokens, nll[i], std::llround(right[i])});
    correct += samples.back().correct;
  }
  if (nll.empty()) return true;
  row.loss /= static_cast<double>(row.tokens);
  if (!std::isfinite(row.loss)) {
    fail("sweep", "rank ", row.rank, ": the loss is ", row.loss,
         nn::not_finite_hint(at_rank.dtype()));
  }
  row.perplexity = std::exp(row.loss);
  row.token_accuracy = static_cast<double>(correct) / static_cast<double>(row.tokens);
  set_errors(row, samples);
  return true;
}

/// The tasks at one rank; false when stopped.
bool score_tasks(const nn::Decoder& at_rank, Sweep& sweep, RankScore& row,
                 std::vector<TaskSample>& kept) {
  TaskRunOptions running;
  running.batch_size = sweep.options.batch_size;
  running.stop = sweep.options.stop;
  running.done = [&] { sweep.advance(row.rank); };
  for (const TaskSuite& suite : sweep.work.suites) {
    std::vector<std::vector<TaskSample>> samples;
    for (const PreparedTask& task : suite.tasks) {
      samples.push_back(run_task(at_rank, task, running));
      if (samples.back().size() != task.documents.size()) return false;
      for (TaskSample& sample : samples.back()) sample.rank = row.rank;
    }
    for (TaskScore& score : task_scores(suite, samples)) row.tasks.push_back(std::move(score));
    for (auto& of_task : samples)
      std::move(of_task.begin(), of_task.end(), std::back_inserter(kept));
  }
  return true;
}

/// Whether tokens are generated, one pass through all weights for each.
bool generates(const SweepWork& work) {
  for (const TaskSuite& suite : work.suites) {
    for (const PreparedTask& task : suite.tasks) {
      if (!task.requests.empty()) return true;
    }
  }
  return false;
}

/// Everything at one rank; false when stopped, which leaves the result as it was.
bool add_rank(const nn::Decoder& decoder, const adapter::Adapter* adapter, int64_t rank,
              Sweep& sweep, SweepResult& result) {
  const double start_s = sweep.progress.elapsed_s();
  RankScore row;
  row.rank = rank;
  nn::Decoder at_rank = decoder;
  if (adapter != nullptr) {
    adapter::RankPlan plan{rank};
    if (rank > 0) plan.by_layer = sweep.options.by_layer;
    at_rank = adapter::with_adapter(decoder, *adapter, plan, sweep.options.gate);
    row.adapter_parameters = adapter->parameters(plan);
  }
  if (!decoder.on_demand() || generates(sweep.work)) nn::merge_deltas(at_rank);
  std::vector<Sample> samples;
  std::vector<TaskSample> task_samples;
  if (!score_examples(at_rank, sweep, row, samples)) return false;
  if (!score_tasks(at_rank, sweep, row, task_samples)) return false;
  row.seconds = sweep.progress.elapsed_s() - start_s;
  result.rows.push_back(std::move(row));
  if (!sweep.options.samples) return true;
  std::move(samples.begin(), samples.end(), std::back_inserter(result.samples));
  std::move(task_samples.begin(), task_samples.end(), std::back_inserter(result.task_samples));
  return true;
}

void check_request(const adapter::Adapter* adapter, const SweepWork& work,
                   const SweepOptions& options) {
  check(!work.examples.empty() || !work.suites.empty(), "sweep: nothing to score");
  for (const int64_t rank : options.ranks) {
    check(adapter != nullptr || rank == 0, "sweep: rank ", rank, " without an adapter");
    if (adapter != nullptr && (rank < 0 || rank > adapter->rule.rank)) {
      fail_field("ranks", "expected 0..", adapter->rule.rank, ", got ", rank);
    }
  }
}

}  // namespace

SweepResult run_sweep(const nn::Decoder& decoder, const adapter::Adapter* adapter,
                      const SweepWork& work, const SweepOptions& options) {
  check_request(adapter, work, options);
  const c10::NoGradGuard no_grad;
  std::vector<data::Pack> packs = pack_all(work.examples, options.pack_tokens, decoder.device());
  const int64_t steps = steps_of(work, packs.size()) * static_cast<int64_t>(options.ranks.size());
  Sweep sweep{work, options, std::move(packs), Progress("sweep", steps, options.quiet)};
  SweepResult result;
  for (const int64_t rank : options.ranks) {
    try {
      result.ending.stopped = !add_rank(decoder, adapter, rank, sweep, result);
    } catch (const UserError& error) {
      result.ending.error = error;
    }
    if (!result.ending.whole()) break;
    if (options.after_rank) options.after_rank(result);
  }
  return result;
}

}  // namespace matlora::eval
