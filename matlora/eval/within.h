// The smallest rank that is good enough: the fewest directions whose metric is near the best one's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/eval/aurac.h"

namespace matlora::eval {

/// How much less than the best is still good enough.
struct Within {
  double amount = 0;      // relative: a share of the best value, 0..1; else in the metric's unit
  bool relative = false;  // then good enough is best · (1 - amount), else best - amount
  std::string text;       // as the user wrote it
};

/// "1%" is relative, 0%..100%; "0.01" is absolute, 0..1. Throws UserError at `where` for anything
/// else.
Within parse_within(const std::string& text, const std::string& where);

/// Whether `value` is good enough where the best one is `best`.
bool is_within(double value, double best, const Within& within);

struct SmallestRank {
  int64_t rank = 0;
  double value = 0;  // the metric at this rank
  int64_t best_rank = 0;
  double best = 0;  // the highest of all; of several equal ones best_rank is the smallest
};

/// Of `points` (a metric that is better when higher), in any order. Rank 0, the base model, is
/// neither chosen nor the best. Nothing when there is no rank above 0.
std::optional<SmallestRank> smallest_rank_within(const std::vector<RankAccuracy>& points,
                                                 const Within& within);

}  // namespace matlora::eval
