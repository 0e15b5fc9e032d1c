#include "matlora/tasks/scores.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/tasks/python_text.h"

namespace matlora::tasks {
namespace {

Score right(std::string metric, bool value) { return {std::move(metric), value ? 1.0 : 0.0}; }

int64_t first_highest(std::span<const double> values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

std::vector<double> per_code_point(const Document& document, std::span<const double> values) {
  std::vector<double> result;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto length = code_points(document.answer(static_cast<int64_t>(i)));
    result.push_back(values[i] / static_cast<double>(length));
  }
  return result;
}

MeanScore mean_score(std::string metric, std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  MeanScore score{std::move(metric), 0, std::nullopt, static_cast<int64_t>(values.size())};
  for (const double value : values) score.mean += value;
  score.mean /= n;
  if (values.size() < 2) return score;
  double squares = 0;
  for (const double value : values) squares += (value - score.mean) * (value - score.mean);
  score.standard_error = std::sqrt(squares / (n - 1)) / std::sqrt(n);
  return score;
}

/// The same metric of one task after the other.
MeanScore group_score(std::span<const std::vector<MeanScore>> tasks, size_t metric) {
  MeanScore group;
  group.metric = tasks[0].at(metric).metric;
  double sum = 0, squares = 0;
  bool has_error = true;
  for (const std::vector<MeanScore>& task : tasks) {
    const MeanScore& score = task.at(metric);
    check(score.metric == group.metric, "group of ", group.metric, " and ", score.metric);
    const auto n = static_cast<double>(score.documents);
    const double error = score.standard_error.value_or(0);
    has_error = has_error && score.standard_error;
    group.documents += score.documents;
    sum += n * score.mean;
    squares += (n - 1) * n * error * error;
  }
  const auto n = static_cast<double>(group.documents);
  group.mean = sum / n;
  if (has_error) {
    group.standard_error = std::sqrt(squares / (n - static_cast<double>(tasks.size())) / n);
  }
  return group;
}

}  // namespace

std::vector<Score> score_choices(const Task& task, const Document& document,
                                 std::span<const double> log_likelihoods) {
  check(static_cast<int64_t>(log_likelihoods.size()) == document.choices(),
        "scores: ", log_likelihoods.size(), " likelihoods of ", document.choices(), " choices");
  std::vector<Score> scores = {right("acc", first_highest(log_likelihoods) == document.gold)};
  if (task.acc_norm) {
    const std::vector<double> normalized = per_code_point(document, log_likelihoods);
    scores.push_back(right("acc_norm", first_highest(normalized) == document.gold));
  }
  return scores;
}

std::vector<Score> score_response(const Task& task, const Document& document,
                                  const std::string& response) {
  std::vector<Score> scores;
  for (const Filter& filter : task.filters) {
    const std::string metric = filter.name.empty() ? "exact_match" : "exact_match," + filter.name;
    scores.push_back(right(metric, task.same(filter.extract(response), document.answer(0))));
  }
  return scores;
}

std::vector<MeanScore> mean_scores(std::span<const std::vector<Score>> documents) {
  check(!documents.empty(), "scores: the mean of none");
  std::vector<MeanScore> means;
  for (size_t i = 0; i < documents[0].size(); ++i) {
    const std::string& metric = documents[0][i].metric;
    std::vector<double> values;
    for (const std::vector<Score>& scores : documents) {
      check(scores.at(i).metric == metric, "scores: the mean of ", metric, " and others");
      values.push_back(scores[i].value);
    }
    means.push_back(mean_score(metric, values));
  }
  return means;
}

std::vector<MeanScore> group_scores(std::span<const std::vector<MeanScore>> tasks) {
  check(!tasks.empty(), "scores: a group of none");
  std::vector<MeanScore> group;
  for (size_t i = 0; i < tasks[0].size(); ++i) group.push_back(group_score(tasks, i));
  return group;
}

}  // namespace matlora::tasks
