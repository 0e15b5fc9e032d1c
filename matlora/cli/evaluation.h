// What `sweep`, and `train` along the way, score an adapter by: records, benchmark tasks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "matlora/cli/command.h"
#include "matlora/data/examples.h"
#include "matlora/eval/results.h"
#include "matlora/eval/sweep.h"
#include "matlora/eval/task_run.h"

namespace matlora::cli {

struct EvaluationFlags {
  fs::path data, task_data;
  data::ExampleOptions reading;
  std::vector<std::string> tasks;
  eval::TaskOptions task_options;
  int64_t batch_size = 32;

  /// --data, --task, .., or with a prefix --eval-data, --eval-task, .. in a help group of that
  /// name. With a prefix examples are read as the command's own --max-length says.
  void add_options(CLI::App& app, const std::string& prefix);

  /// Whether there is nothing to score.
  bool empty() const { return data.empty() && tasks.empty(); }

  /// What can be said without loading anything. Throws UserError naming the flag.
  void check(const CLI::App& app, const fs::path& output);

 private:
  std::string prefix_;
  int64_t shots_ = 0;
};

/// Records and documents as tokens.
struct Evaluation {
  std::vector<data::Example> examples;
  std::vector<eval::TaskSuite> suites;

  eval::SweepWork work() const { return {examples, suites}; }
};

/// Reads what the flags name. Says how many prompts were cut. `base` must stay.
Evaluation read_evaluation(const EvaluationFlags& flags, const model::Model& base, bool quiet);

/// A report of everything but what was found.
eval::Report new_report(const Evaluation& evaluation, const EvaluationFlags& flags,
                        const model::Model& base, const fs::path& model);

/// The ranks that were asked for, ascending and each once. Where none were: 0, and of a nested
/// adapter its train ranks, of any other the powers of two and R. adapter: null for the base alone.
std::vector<int64_t> chosen_ranks(std::vector<int64_t> ranks, const adapter::Adapter* adapter);

}  // namespace matlora::cli
