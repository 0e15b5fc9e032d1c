// AURAC, the area under the rank-accuracy curve. With ranks r_1 < .. < r_m and accuracies a:
//   v1  = Σ_j (r_{j+1} - r_j)·(a_j + a_{j+1})/2 / (r_m - r_1)
//   v2  = the same with log2 r in place of r
//   avg = the mean of the accuracies
// Rank 0, the base model, is no part of the area. One rank alone: its accuracy.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::eval {

struct RankAccuracy {
  int64_t rank = 0;
  double accuracy = 0;  // 0..1
};

struct Aurac {
  double v1 = 0, v2 = 0, avg = 0;
};

/// `points` in any order; nothing when none has a rank above 0. Throws BugError for a rank that is
/// negative or there twice.
std::optional<Aurac> aurac(std::vector<RankAccuracy> points);

}  // namespace matlora::eval
