#include "matlora/eval/measures.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace matlora::eval {
namespace {

/// Of any rank: they all have the same tasks.
const std::vector<TaskScore>& scored_tasks(const Report& report) {
  static const std::vector<TaskScore> none;
  for (const AdapterSweep& sweep : report.sweeps) {
    if (!sweep.rows.empty()) return sweep.rows.front().tasks;
  }
  return none;
}

/// The names of tasks that are means of others.
std::set<std::string> groups(const Report& report) {
  std::set<std::string> names;
  for (const TaskScore& task : scored_tasks(report)) names.insert(task.task);
  for (const TaskProtocol& task : report.tasks) names.erase(task.name);
  return names;
}

}  // namespace

std::string label_of(const Measure& measure) {
  if (!measure.task.empty()) return measure.task + " " + measure.metric;
  return measure.metric == "token_accuracy" ? "token accuracy" : measure.metric;
}

bool has_data(const Report& report) {
  const auto scored = [](const AdapterSweep& sweep) {
    return std::any_of(sweep.rows.begin(), sweep.rows.end(),
                       [](const RankScore& row) { return row.tokens > 0; });
  };
  return std::any_of(report.sweeps.begin(), report.sweeps.end(), scored);
}

std::vector<std::string> task_names(const Report& report, bool parts) {
  const std::set<std::string> means = groups(report);
  const auto is_part = [&](const std::string& name) {
    return std::any_of(means.begin(), means.end(), [&](const std::string& group) {
      return name.starts_with(group + "_") && !means.contains(name);
    });
  };
  std::vector<std::string> names;
  for (const TaskScore& task : scored_tasks(report)) {
    if (parts || !is_part(task.task)) names.push_back(task.task);
  }
  return names;
}

std::vector<Measure> measures(const Report& report, bool parts) {
  std::vector<Measure> all;
  if (has_data(report)) all.push_back({"", "token_accuracy"});
  for (const std::string& name : task_names(report, parts)) {
    for (const TaskScore& task : scored_tasks(report)) {
      if (task.task != name) continue;
      for (const Metric& metric : task.metrics) all.push_back({name, metric.name});
    }
  }
  return all;
}

std::vector<Measure> main_measures(const Report& report) {
  std::vector<Measure> first;
  for (Measure& measure : measures(report, /*parts=*/false)) {
    if (first.empty() || first.back().task != measure.task) first.push_back(std::move(measure));
  }
  return first;
}

std::optional<Metric> metric_of(const RankScore& row, const Measure& measure) {
  std::optional<Metric> found;
  if (measure.task.empty()) {
    if (row.tokens == 0) return std::nullopt;
    found = measure.metric == "loss"
                ? Metric{measure.metric, row.loss, row.loss_error}
                : Metric{measure.metric, row.token_accuracy, row.token_accuracy_error};
  }
  for (const TaskScore& task : row.tasks) {
    if (task.task != measure.task) continue;
    for (const Metric& metric : task.metrics) {
      if (metric.name == measure.metric) found = metric;
    }
  }
  return found && std::isfinite(found->value) ? found : std::nullopt;
}

std::vector<RankAccuracy> points_of(const AdapterSweep& sweep, const Measure& measure) {
  std::vector<RankAccuracy> result;
  for (const RankScore& row : sweep.rows) {
    if (const auto metric = metric_of(row, measure)) result.push_back({row.rank, metric->value});
  }
  return result;
}

std::optional<Aurac> area_of(const AdapterSweep& sweep, const Measure& measure) {
  return aurac(points_of(sweep, measure));
}

std::optional<SmallestRank> smallest_of(const AdapterSweep& sweep, const Measure& measure,
                                        const Within& within) {
  return smallest_rank_within(points_of(sweep, measure), within);
}

}  // namespace matlora::eval
