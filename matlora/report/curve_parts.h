// What a panel of curves is made of: axes, and labels that stay off the lines. Lengths in SVG
// units, about a pixel each; y grows downwards.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "matlora/report/curves.h"

namespace matlora::report {

constexpr double kBoxWidth = 470, kBoxHeight = 316;  // a panel is drawn in such a box
constexpr double kPlotLeft = 56, kPlotTop = 34, kPlotBottom = 264;
constexpr double kLetter = 7;  // about one letter

/// A range of one axis and where it is in the drawing; begin > end turns it over.
struct Axis {
  double low, high, begin, end;

  double at(double value) const { return begin + (value - low) / (high - low) * (end - begin); }
};

/// Where a panel's values are.
struct Axes {
  Axis x, y;
  RankScale scale;
  double right = 0;  // end of the plot; names at the lines' ends are behind it
};

/// The points above rank 0 that can be drawn, by ascending rank.
std::vector<Point> drawn(const Curve& curve);

/// 0 where none is known.
double error_of(const Point& point);

/// Rank 0 of the first curve that has it.
std::optional<Point> base_of(const Panel& panel);

/// Of all points above rank 0.
std::set<int64_t> ranks_of(const Panel& panel);

/// log2 of the rank, or the rank.
double place(int64_t rank, RankScale scale);

/// Holds every value with its bar, with some space above and below; never beyond what the panel
/// says a value can be. `right`: where the plot ends.
Axes axes_of(const Panel& panel, RankScale scale, double right);

std::string draw_value_ticks(const Axes& axes);

/// Labels the powers of two first, then the other ranks that find a place.
std::string draw_rank_ticks(const std::set<int64_t>& ranks, const Axes& axes);

/// `anchor`: start, middle or end; `style` may be "".
std::string label(double x, double y, const std::string& anchor, const std::string& style,
                  const std::string& text);
std::string line(double x1, double y1, double x2, double y2, const char* style);

/// A text at the end of a curve, behind the plot.
struct EndLabel {
  std::string text, style;
  double y = 0;  // where its curve ends
};

/// How wide the margin for them is; 0 without any.
double margin_of(const std::vector<EndLabel>& labels);

/// One below the other without overlaps, each as near to its curve's end as they allow.
std::string draw_end_labels(std::vector<EndLabel> labels, double x);

/// A straight piece of a curve or a bar.
struct Segment {
  double x1, y1, x2, y2;
};

/// Texts around points, each at the first place around its point (above, below, aside) where it
/// covers no segment and no other text; left out where there is no such place.
class PointLabels {
 public:
  explicit PointLabels(std::vector<Segment> obstacles) : obstacles_(std::move(obstacles)) {}
  /// `high`, `low`: ends of the point's bar.
  std::string add(double x, double high, double low, const std::string& text);

 private:
  struct Rect {
    double left, top, right, bottom;
  };
  bool is_free(const Rect& rect) const;

  std::vector<Segment> obstacles_;
  std::vector<Rect> taken_;
};

}  // namespace matlora::report
