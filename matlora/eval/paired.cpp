#include "matlora/eval/paired.h"

#include <cmath>

#include "matlora/base/error.h"

namespace matlora::eval {
namespace {

constexpr double kRounding = 1e-12;  // 0.8 - 0.7 is a little less than 0.1
constexpr double kMostDocuments = 1e12;

std::optional<Part> part_of(const Sample& sample, const Measure& measure) {
  if (sample.tokens == 0) return std::nullopt;
  const double score = measure.metric == "loss" ? sample.nll : static_cast<double>(sample.correct);
  return Part{score, static_cast<double>(sample.tokens)};
}

std::optional<Part> part_of(const TaskSample& sample, const Measure& measure) {
  for (const Metric& metric : sample.metrics) {
    if (metric.name == measure.metric) return Part{metric.value, 1};
  }
  return std::nullopt;
}

/// Label tokens or documents that a row's figure is the mean of.
double weight_of(const RankScore& row, const Measure& measure) {
  if (measure.task.empty()) return static_cast<double>(row.tokens);
  for (const TaskScore& task : row.tasks) {
    if (task.task == measure.task) return static_cast<double>(task.documents);
  }
  return 0;
}

/// Whether documents of `task` count for the measure: its own, or those of the group's parts.
bool belongs(const std::string& task, const Measure& measure, bool group) {
  return task == measure.task || (group && task.starts_with(measure.task + "_"));
}

/// 1234 as 1300, 51.2 as 52.
double rounded_up(double number) {
  const double unit = std::pow(10, std::max(0.0, std::floor(std::log10(number)) - 1));
  return std::ceil(number / unit - kRounding) * unit;
}

}  // namespace

Metric ratio(std::span<const Part> parts) {
  double score = 0, weight = 0, squares = 0;
  for (const Part& part : parts) score += part.score, weight += part.weight;
  check(weight > 0, "ratio: no weight");
  const double mean = score / weight;
  if (parts.size() < 2) return {"", mean, {}};
  for (const Part& part : parts) {
    const double rest = part.score - mean * part.weight;
    squares += rest * rest;
  }
  const auto n = static_cast<double>(parts.size());
  return {"", mean, std::sqrt(n / (n - 1) * squares) / weight};
}

void set_errors(RankScore& row, std::span<const Sample> samples) {
  std::vector<Part> loss, accuracy;
  for (const Sample& sample : samples) {
    if (const auto part = part_of(sample, {"", "loss"})) loss.push_back(*part);
    if (const auto part = part_of(sample, {"", "token_accuracy"})) accuracy.push_back(*part);
  }
  if (loss.empty()) return;
  row.loss_error = ratio(loss).standard_error;
  row.token_accuracy_error = ratio(accuracy).standard_error;
}

Comparison::Comparison(const Report& report, const AdapterSweep& sweep, const Measure& measure)
    : sweep_(sweep), measure_(measure) {
  if (measure.task.empty()) {
    for (const Sample& sample : sweep.samples) {
      const auto part = part_of(sample, measure);
      if (part) parts_[sample.rank][{"", sample.index}] = *part;
    }
    return;
  }
  bool group = true;
  for (const TaskProtocol& task : report.tasks) group = group && task.name != measure.task;
  for (const TaskSample& sample : sweep.task_samples) {
    if (!belongs(sample.task, measure, group)) continue;
    const auto part = part_of(sample, measure);
    if (part) parts_[sample.rank][{sample.task, sample.index}] = *part;
  }
}

const RankScore* Comparison::row_at(int64_t rank) const {
  for (const RankScore& row : sweep_.rows) {
    if (row.rank == rank) return &row;
  }
  return nullptr;
}

/// The differences document by document; none unless they are all documents of both rows.
std::vector<Part> Comparison::pairs_of(const RankScore& rank, const RankScore& other) const {
  const auto of_rank = parts_.find(rank.rank), of_other = parts_.find(other.rank);
  if (of_rank == parts_.end() || of_other == parts_.end()) return {};
  std::vector<Part> pairs;
  double weight = 0;
  for (const auto& [key, part] : of_rank->second) {
    const auto twin = of_other->second.find(key);
    if (twin == of_other->second.end()) return {};
    pairs.push_back({part.score - twin->second.score, part.weight});
    weight += part.weight;
  }
  const bool whole = pairs.size() == of_other->second.size() &&
                     weight == weight_of(rank, measure_) && weight == weight_of(other, measure_);
  return whole ? pairs : std::vector<Part>();
}

std::optional<Difference> Comparison::difference(int64_t rank, int64_t other) const {
  const RankScore *const row = row_at(rank), *const other_row = row_at(other);
  if (row == nullptr || other_row == nullptr) return std::nullopt;
  const auto a = metric_of(*row, measure_), b = metric_of(*other_row, measure_);
  if (!a || !b) return std::nullopt;
  Difference result{a->value - b->value, {}, 0};
  const std::vector<Part> pairs = pairs_of(*row, *other_row);
  if (!pairs.empty()) {
    result.standard_error = ratio(pairs).standard_error;
    result.documents = static_cast<int64_t>(pairs.size());
  } else if (a->standard_error && b->standard_error) {
    result.standard_error = std::hypot(*a->standard_error, *b->standard_error);
  }
  return result;
}

bool is_clear(const Difference& difference) {
  const auto& error = difference.standard_error;
  return error && std::abs(difference.value) > *error + kRounding;
}

std::optional<int64_t> documents_needed(const Difference& difference, double visible) {
  const double error = difference.standard_error.value_or(0);
  if (difference.documents == 0 || !(error > 0) || !(visible > 0)) return std::nullopt;
  const double needed = static_cast<double>(difference.documents) * std::pow(error / visible, 2);
  if (!(needed < kMostDocuments)) return std::nullopt;
  // As many as there are were not enough.
  const auto least = static_cast<double>(is_clear(difference) ? 1 : difference.documents + 1);
  return static_cast<int64_t>(rounded_up(std::max(needed, least)));
}

}  // namespace matlora::eval
