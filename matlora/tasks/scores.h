// What a model's output for a document is worth, by lm-evaluation-harness's metrics, and their
// means (lm_eval/api/task.py process_results, lm_eval/api/metrics.py).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "matlora/tasks/task.h"

namespace matlora::tasks {

/// One metric's value for one document: 0 or 1.
struct Score {
  std::string metric;
  double value = 0;

  bool operator==(const Score&) const = default;
};

/// acc: the likeliest choice is the right one; with Task::acc_norm also acc_norm: the one likeliest
/// per code point of its answer (the space before it is not of it). The first of equals counts.
/// log_likelihoods: one per choice, in nats. REQUIRES: document.choices() of them, none NaN.
std::vector<Score> score_choices(const Task& task, const Document& document,
                                 std::span<const double> log_likelihoods);

/// exact_match by each of the task's filters. response: valid UTF-8, ended before a stop.
std::vector<Score> score_response(const Task& task, const Document& document,
                                  const std::string& response);

/// One metric over `documents` documents.
struct MeanScore {
  std::string metric;
  double mean = 0;
  /// sqrt(Σ (x - mean)² / (n - 1) / n); none for n < 2
  std::optional<double> standard_error;
  int64_t documents = 0;

  bool operator==(const MeanScore&) const = default;
};

/// A task's metrics over its documents' scores. REQUIRES: one document or more; all have the same
/// metrics in the same order.
std::vector<MeanScore> mean_scores(std::span<const std::vector<Score>> documents);

/// A group's metrics over its tasks' (mmlu): the mean over all documents, Σ n·mean / Σ n, and
/// pooled_sample_stderr, sqrt(Σ (n - 1)·n·error² / (Σ n - tasks) / Σ n); none where a task has
/// none. REQUIRES: one task or more; all have the same metrics in the same order.
std::vector<MeanScore> group_scores(std::span<const std::vector<MeanScore>> tasks);

}  // namespace matlora::tasks
