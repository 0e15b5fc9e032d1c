// Axes of a panel and their ticks.
#include <algorithm>
#include <cmath>

#include "matlora/base/error.h"
#include "matlora/report/curve_parts.h"
#include "matlora/report/markup.h"

namespace matlora::report {
namespace {

constexpr double kInset = 14;    // of the outermost ranks
constexpr double kTickGap = 30;  // least distance of two labels on the rank axis

Axis rank_axis(const std::set<int64_t>& ranks, RankScale scale, double right) {
  double low = ranks.empty() ? 0 : place(*ranks.begin(), scale);
  double high = ranks.empty() ? 0 : place(*ranks.rbegin(), scale);
  if (low == high) low -= 1, high += 1;
  return {low, high, kPlotLeft + kInset, right - kInset};
}

/// Round numbers (1, 2 or 5 times a power of ten apart) for about `count` ticks.
double tick_step(double low, double high, int count) {
  const double raw = (high - low) / count;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10 * power;
}

Axis value_axis(const Panel& panel) {
  std::vector<double> values;
  const auto add = [&](const Point& point) {
    for (const double value : {point.value - error_of(point), point.value + error_of(point)}) {
      const double below = std::max(value, std::min(panel.least, point.value));
      values.push_back(std::min(below, std::max(panel.most, point.value)));
    }
  };
  for (const Curve& curve : panel.curves) {
    for (const Point& point : drawn(curve)) add(point);
  }
  if (const auto base = base_of(panel)) add(*base);
  if (values.empty()) values = {0, 1};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double span = *most - *least, size = std::abs(*most);
  const double space = span > size * 1e-6 ? span * 0.12 : std::max(size * 0.05, 0.01);
  const double low = std::max(*least - space, std::min(panel.least, *least));
  const double high = std::min(*most + space, std::max(panel.most, *most));
  return {low, high, kPlotBottom, kPlotTop};
}

}  // namespace

std::vector<Point> drawn(const Curve& curve) {
  std::vector<Point> points;
  for (const Point& point : curve.points) {
    if (point.rank > 0 && std::isfinite(point.value)) points.push_back(point);
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const Point& a, const Point& b) { return a.rank < b.rank; });
  return points;
}

double error_of(const Point& point) {
  const double error = point.standard_error.value_or(0);
  return std::isfinite(error) ? error : 0;
}

std::optional<Point> base_of(const Panel& panel) {
  for (const Curve& curve : panel.curves) {
    for (const Point& point : curve.points) {
      if (point.rank == 0 && std::isfinite(point.value)) return point;
    }
  }
  return std::nullopt;
}

std::set<int64_t> ranks_of(const Panel& panel) {
  std::set<int64_t> ranks;
  for (const Curve& curve : panel.curves) {
    for (const Point& point : drawn(curve)) ranks.insert(point.rank);
  }
  return ranks;
}

double place(int64_t rank, RankScale scale) {
  return scale == RankScale::log2 ? std::log2(rank) : static_cast<double>(rank);
}

Axes axes_of(const Panel& panel, RankScale scale, double right) {
  return {rank_axis(ranks_of(panel), scale, right), value_axis(panel), scale, right};
}

std::string draw_value_ticks(const Axes& axes) {
  const Axis& y = axes.y;
  const double step = tick_step(y.low, y.high, 5);
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  std::string svg;
  for (double i = std::ceil(y.low / step - 1e-9); i * step <= y.high + step * 1e-9; ++i) {
    const double at = y.at(i * step);
    svg += line(kPlotLeft, at, axes.right, at, "grid");
    svg += label(kPlotLeft - 8, at + 4, "end", "", fixed(i * step, decimals));
  }
  return svg;
}

std::string draw_rank_ticks(const std::set<int64_t>& ranks, const Axes& axes) {
  std::vector<double> taken;
  std::string svg;
  for (const bool power_of_two : {true, false}) {
    for (const int64_t rank : ranks) {
      if (((rank & (rank - 1)) == 0) != power_of_two) continue;
      const double at = axes.x.at(place(rank, axes.scale));
      svg += line(at, kPlotBottom, at, kPlotBottom + 4, "grid");
      const bool fits = std::all_of(taken.begin(), taken.end(),
                                    [&](double other) { return std::abs(at - other) >= kTickGap; });
      if (!fits) continue;
      taken.push_back(at);
      svg += label(at, kPlotBottom + 18, "middle", "", std::to_string(rank));
    }
  }
  return svg;
}

std::string label(double x, double y, const std::string& anchor, const std::string& style,
                  const std::string& text) {
  return cat("<text class=\"", style, "\" x=\"", fixed(x, 1), "\" y=\"", fixed(y, 1),
             "\" text-anchor=\"", anchor, "\">", escaped(text), "</text>\n");
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return cat("<line class=\"", style, "\" x1=\"", fixed(x1, 1), "\" y1=\"", fixed(y1, 1),
             "\" x2=\"", fixed(x2, 1), "\" y2=\"", fixed(y2, 1), "\"/>\n");
}

}  // namespace matlora::report
