// Rank curves as one self-contained SVG: token accuracy and loss over log2 rank, side by side, for
// light and dark pages. No script and no fonts of its own.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "matlora/eval/sweep.h"

namespace matlora::eval {

/// The rows of one sweep, in any order, and what the legend calls it.
struct NamedCurve {
  std::string name;
  std::vector<RankScore> rows;
};

/// One line per curve with a dot at every rank. Rank 0 of the first curve that has it, the base
/// model, is a dashed line. A legend comes with the second curve, numbers at the dots only with a
/// single curve of few ranks; every dot has a tooltip.
std::string curves_svg(std::span<const NamedCurve> curves, const std::string& title);

}  // namespace matlora::eval
