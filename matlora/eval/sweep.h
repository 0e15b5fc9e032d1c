// Scores of a model at several ranks of one adapter: teacher-forced over examples (every label
// token is predicted from the true tokens before it; nothing is sampled), and by benchmark tasks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/base/error.h"
#include "matlora/data/examples.h"
#include "matlora/eval/results.h"
#include "matlora/eval/task_run.h"
#include "matlora/nn/decoder.h"

namespace matlora::eval {

struct SweepOptions {
  std::vector<int64_t> ranks;  // each in 0..R, none twice; 0 is the base model
  adapter::InferenceGate gate = adapter::InferenceGate::paper;
  std::map<std::string, int64_t> by_layer = {};  // RankPlan's, of every rank but 0
  int64_t pack_tokens = 4096;  // at most so many tokens of examples go through the layers at once
  int64_t batch_size = 32;     // sequences that are generated at the same time
  bool samples = false;        // keep the scores of every example and document too
  bool quiet = true;           // no progress on stderr
  std::function<bool()> stop;  // asked between passes; true ends the sweep early
  /// Told what there is so far, behind every rank that is done. May be empty.
  std::function<void(const struct SweepResult&)> after_rank;
};

/// What is scored; either may be empty, not both.
struct SweepWork {
  std::span<const data::Example> examples = {};
  std::span<const TaskSuite> suites = {};
};

/// Why a sweep ended before its last rank, if it did.
struct SweepEnding {
  bool stopped = false;            // it was told to
  std::optional<UserError> error;  // a rank cannot be scored
  bool whole() const { return !stopped && !error; }
};

struct SweepResult {
  std::vector<RankScore> rows;           // in the order of SweepOptions::ranks
  std::vector<Sample> samples;           // by rank, then by index; empty unless asked for
  std::vector<TaskSample> task_samples;  // by rank, task, index; empty unless asked for
  SweepEnding ending;                    // then only the ranks that were done are here
};

/// Scores the work at every rank of `adapter` on `decoder`; null: there is none, and only rank 0
/// may be asked for. In float32 each rank is added into a copy of the weights first
/// (nn::merge_deltas), unless these stay in their file and no task generates: then a layer at a
/// time, in every pass of some thousand tokens, for which the time is small. Keys and values are
/// kept for one rank and one task at most. Throws FieldError "ranks" for a rank above the
/// adapter's.
SweepResult run_sweep(const nn::Decoder& decoder, const adapter::Adapter* adapter,
                      const SweepWork& work, const SweepOptions& options);

}  // namespace matlora::eval
