// The figures that a report has for every rank, whatever they come from: the data's token accuracy
// and loss, and the tasks' metrics.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "matlora/eval/aurac.h"
#include "matlora/eval/results.h"
#include "matlora/eval/within.h"

namespace matlora::eval {

struct Measure {
  std::string task;    // "": teacher-forced, over the data
  std::string metric;  // token_accuracy, loss; of a task Metric::name

  bool operator==(const Measure&) const = default;
};

/// "token accuracy"; "arc_easy acc".
std::string label_of(const Measure& measure);

/// Whether there are teacher-forced scores.
bool has_data(const Report& report);

/// The names of the tasks that were scored, in order. Without `parts`: none that is a part of
/// another, as mmlu_anatomy is of mmlu (a group: it has scores but no protocol).
std::vector<std::string> task_names(const Report& report, bool parts);

/// All that is better when higher, 0..1: token accuracy where there is data, then every task's
/// metrics.
std::vector<Measure> measures(const Report& report, bool parts);

/// The first metric of each only, without parts: what is drawn, and what a rank is chosen by.
std::vector<Measure> main_measures(const Report& report);

/// Nothing where the row does not have it or it is not finite.
std::optional<Metric> metric_of(const RankScore& row, const Measure& measure);

/// The rows that have it.
std::vector<RankAccuracy> points_of(const AdapterSweep& sweep, const Measure& measure);

/// Nothing without a rank above 0.
std::optional<Aurac> area_of(const AdapterSweep& sweep, const Measure& measure);
std::optional<SmallestRank> smallest_of(const AdapterSweep& sweep, const Measure& measure,
                                        const Within& within);

}  // namespace matlora::eval
