#include "matlora/eval/aurac.h"

#include <algorithm>
#include <cmath>

#include "matlora/base/error.h"

namespace matlora::eval {
namespace {

/// The mean height of the curve over position(rank), by trapezoids. Two points at least.
template <class Position>
double mean_height(const std::vector<RankAccuracy>& points, Position position) {
  double area = 0;
  for (size_t j = 0; j + 1 < points.size(); ++j) {
    const double width = position(points[j + 1].rank) - position(points[j].rank);
    area += width * (points[j].accuracy + points[j + 1].accuracy) / 2;
  }
  return area / (position(points.back().rank) - position(points.front().rank));
}

}  // namespace

std::optional<Aurac> aurac(std::vector<RankAccuracy> points) {
  std::erase_if(points, [](const RankAccuracy& point) { return point.rank == 0; });
  if (points.empty()) return std::nullopt;
  std::sort(points.begin(), points.end(),
            [](const RankAccuracy& a, const RankAccuracy& b) { return a.rank < b.rank; });
  check(points.front().rank > 0, "aurac: rank ", points.front().rank);
  for (size_t j = 0; j + 1 < points.size(); ++j) {
    check(points[j].rank != points[j + 1].rank, "aurac: rank ", points[j].rank, " twice");
  }
  if (points.size() == 1) {
    const double accuracy = points.front().accuracy;
    return Aurac{accuracy, accuracy, accuracy};
  }
  Aurac result;
  result.v1 = mean_height(points, [](int64_t rank) { return static_cast<double>(rank); });
  result.v2 = mean_height(points, [](int64_t rank) { return std::log2(rank); });
  for (const RankAccuracy& point : points) result.avg += point.accuracy;
  result.avg /= static_cast<double>(points.size());
  return result;
}

}  // namespace matlora::eval
