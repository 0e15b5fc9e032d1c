// Which rank to take, as a statistician would decide. Two rules, for each measure:
//
//   better than the base    value - base > se, the standard error of the paired difference
//   as good as the best     best - value <= max(se, tolerance): the one-standard-error rule
//                           (Breiman et al., Classification and Regression Trees, 1984, section
//                           3.4.3; the smallest model whose error is within one standard error of
//                           the best), or near enough as --within says
//
// The best rank is the best of those that are better than the base, where there are any. The rank
// to take is the smallest that is better than the base and as good as the best; rank 0, the base
// model, where no rank is better. Where rank 0 was not scored every rank counts as better.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "matlora/eval/measures.h"
#include "matlora/eval/paired.h"
#include "matlora/eval/within.h"

namespace matlora::eval {

/// How a rank compares with the base model.
enum class Against { better, alike, worse, unknown };

struct RankFacts {
  int64_t rank = 0;  // above 0
  Metric metric;
  std::optional<Difference> over_base;  // this rank minus the base
  Difference below_best;                // the best rank minus this one
  Against against = Against::unknown;
};

/// What the choice by one measure rests on.
struct MeasureFacts {
  Measure measure;
  std::optional<Metric> base;
  std::vector<RankFacts> ranks;  // by ascending rank; those that have the measure
  int64_t best_rank = 0;
  bool improves = false;  // a rank is better than the base, or the base is not known

  const RankFacts* at(int64_t rank) const;  // null: it does not have the measure
};

/// One for every main measure that has a rank above 0. The base model's scores may be those of
/// another sweep of the report.
std::vector<MeasureFacts> facts_of(const Report& report, const AdapterSweep& sweep);

/// How far below the best one still is near enough, in the measure's unit; at least 0.
double tolerance_of(const MeasureFacts& facts, const Within& within);

/// Better than the base and as good as the best.
bool is_good(const MeasureFacts& facts, const RankFacts& rank, const Within& within);

/// The rank to take by one measure; 0: none.
int64_t rank_by(const MeasureFacts& facts, const Within& within);

/// Two ranks that the documents cannot tell apart, where that decided.
struct Undecided {
  int64_t rank = 0, other = 0;    // rank < other; 0: the base model
  int64_t documents = 0;          // that were scored
  std::optional<int64_t> needed;  // to tell apart what was measured, or the tolerance if it is more
};

/// The taken rank and the best one, or the base and the best one where none is taken. Nothing where
/// the difference is clear, or no more than the tolerance.
std::optional<Undecided> undecided(const MeasureFacts& facts, const Within& within);

/// By all measures that the adapter improves: the smallest rank that is good in the most of them.
struct Choice {
  int64_t rank = 0;               // 0: none
  size_t improved = 0, good = 0;  // measures that some rank improves; in which `rank` is good
  std::vector<std::string> better, worse;  // labels of measures, compared with the base at `rank`
};
Choice choose(const std::vector<MeasureFacts>& facts, const Within& within);

}  // namespace matlora::eval
