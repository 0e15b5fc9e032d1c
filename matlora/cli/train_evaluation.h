// What `train` scores along the way and at its end.
#pragma once

#include <cstdint>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/base/progress.h"
#include "matlora/cli/command.h"
#include "matlora/cli/evaluation.h"

namespace matlora::cli {

class TrainEvaluation {
 public:
  /// --eval-data, --eval-task, .., --eval-every, --eval-ranks.
  void add_options(CLI::App& app);

  /// What can be said without loading anything. Throws UserError naming the flag.
  void check(const CLI::App& app, const fs::path& output, int64_t rank);

  /// Reads what is scored. `base` must stay.
  void load(const model::Model& base, int64_t max_length, bool quiet);

  /// Of a run that goes on behind `step`: forgets what DIR/eval_log.jsonl says of later steps and
  /// scores that step where the interruption kept it from being scored.
  void resume_at(int64_t step, const model::Model& base, const adapter::Adapter& adapter,
                 const fs::path& directory) const;

  /// After each step: where it is one of every N, a line per rank in DIR/eval_log.jsonl: {"step",
  /// "rank", "loss", "token_accuracy", "tasks"}. Rank 0 does not change and has none. What cannot
  /// be scored is said on stderr: a long run does not end for it.
  /// The scores are shown on the terminal unless quiet.
  void after_step(int64_t step, const model::Model& base, const adapter::Adapter& adapter,
                  const fs::path& directory, Progress& progress) const;

  /// The sweep of all ranks into DIR/eval, as `sweep` writes it; its table on stdout unless quiet.
  /// Does nothing where nothing is to be scored. False when interrupted.
  bool finish(const model::Model& base, const fs::path& model, const adapter::Adapter& adapter,
              const fs::path& directory, bool quiet) const;

 private:
  /// A line of the log for each rank.
  std::vector<eval::RankScore> score_step(int64_t step, const model::Model& base,
                                          const adapter::Adapter& adapter,
                                          const fs::path& directory) const;
  std::string text_of(const eval::RankScore& row) const;
  eval::SweepOptions options_for(const adapter::Adapter& adapter) const;

  EvaluationFlags flags_;
  int64_t every_ = 0;
  std::vector<int64_t> ranks_;
  Evaluation evaluation_;
};

}  // namespace matlora::cli
