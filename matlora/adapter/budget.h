// Ranks per layer within a budget: every layer keeps its first directions, as many as pay.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::adapter {

/// What the directions of a layer are worth, in order, and the numbers in A and B of one of them.
/// Any unit of worth will do; all layers have the same.
struct LayerWorth {
  std::vector<double> worth;
  int64_t cost = 0;
};

/// How many directions each layer keeps, so that the sum of their worth is large and their numbers
/// are at most `parameters`. One threshold of worth per number over all layers, taken at the upper
/// hull of each layer's sums: a direction of little worth before one of much worth comes with it.
/// Directions that take worth away are never kept. Throws FieldError "parameters" for a
/// budget below the smallest direction, and where no direction is worth anything.
std::vector<int64_t> ranks_within(std::span<const LayerWorth> layers, int64_t parameters);

}  // namespace matlora::adapter
