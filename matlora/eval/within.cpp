#include "matlora/eval/within.h"

#include <charconv>
#include <cmath>

#include "matlora/base/error.h"

namespace matlora::eval {
namespace {

// 0.8 - 0.1 is a little more than 0.7 in binary; no task has so many documents that this matters.
constexpr double kRounding = 1e-12;

}  // namespace

Within parse_within(const std::string& text, const std::string& where) {
  Within within;
  within.text = text;
  within.relative = text.ends_with('%');
  const char* const end = text.data() + text.size() - (within.relative ? 1 : 0);
  const auto [stop, error] = std::from_chars(text.data(), end, within.amount);
  const double most = within.relative ? 100 : 1;
  // Written so that not-a-number fails too.
  const bool in_range = within.amount >= 0 && within.amount <= most;
  if (error != std::errc() || stop != end || !in_range) {
    fail(where,
         "expected a share of the best value (0%..100%) or a difference from it (0..1), got '",
         printable(text), "'; try 1% or 0.01");
  }
  if (within.relative) within.amount /= 100;
  return within;
}

bool is_within(double value, double best, const Within& within) {
  const double least = within.relative ? best * (1 - within.amount) : best - within.amount;
  return value >= least - kRounding;
}

std::optional<SmallestRank> smallest_rank_within(const std::vector<RankAccuracy>& points,
                                                 const Within& within) {
  const RankAccuracy* best = nullptr;
  for (const RankAccuracy& point : points) {
    if (point.rank <= 0) continue;
    const bool better = best == nullptr || point.accuracy > best->accuracy ||
                        (point.accuracy == best->accuracy && point.rank < best->rank);
    if (better) best = &point;
  }
  if (best == nullptr) return std::nullopt;
  const RankAccuracy* smallest = best;
  for (const RankAccuracy& point : points) {
    const bool good = point.rank > 0 && is_within(point.accuracy, best->accuracy, within);
    if (good && point.rank < smallest->rank) smallest = &point;
  }
  return SmallestRank{smallest->rank, smallest->accuracy, best->rank, best->accuracy};
}

}  // namespace matlora::eval
