#include "matlora/report/curves.h"

#include <algorithm>
#include <cmath>

#include "matlora/base/error.h"
#include "matlora/report/assets.h"
#include "matlora/report/curve_parts.h"
#include "matlora/report/markup.h"

namespace matlora::report {
namespace {

constexpr double kBoxRight = kBoxWidth - 8;
constexpr double kRowGap = 14;
constexpr double kLegendLine = 22;
constexpr double kAside = 4;        // between the dots of two curves at one rank
constexpr size_t kMaxNumbered = 8;  // dots of a single curve that are labelled
constexpr size_t kColours = 6;      // classes c0.. in curves.css

std::string colour(size_t curve) { return cat("c", curve % kColours); }

std::string value_text(const Point& point, int decimals) {
  return fixed(point.value, decimals) +
         (error_of(point) > 0 ? " ± " + fixed(error_of(point), decimals) : "");
}

size_t filled_curves(const Panel& panel) {
  return static_cast<size_t>(std::count_if(panel.curves.begin(), panel.curves.end(),
                                           [](const Curve& one) { return !drawn(one).empty(); }));
}

/// A bar never leaves the plot: an accuracy is not below 0.
std::string draw_error(double x, const Point& point, const Axis& y, size_t curve) {
  const std::string left = fixed(x - 3.5, 1);
  const std::string low = fixed(y.at(std::max(point.value - error_of(point), y.low)), 1);
  const std::string high = fixed(y.at(std::min(point.value + error_of(point), y.high)), 1);
  return cat("<path class=\"error line ", colour(curve), "\" d=\"M", fixed(x, 1), " ", low, "V",
             high, "M", left, " ", low, "h7M", left, " ", high, "h7\"/>\n");
}

std::string draw_dot(double x, double y, size_t curve, const std::string& tooltip) {
  return cat("<circle class=\"", colour(curve), "\" cx=\"", fixed(x, 1), "\" cy=\"", fixed(y, 1),
             "\" r=\"4.5\"><title>", escaped(tooltip), "</title></circle>\n");
}

/// A curve's marks; those of all curves are drawn layer by layer, dots last.
struct Marks {
  std::string lines, bars, dots;
};

/// `aside`: how far to the right of its ranks.
void draw_curve(const Curve& curve, size_t index, const Axes& axes, double aside, Marks& marks) {
  std::string corners;
  const std::vector<Point> points = drawn(curve);
  for (const Point& point : points) {
    const double x = axes.x.at(place(point.rank, axes.scale)) + aside, y = axes.y.at(point.value);
    corners += cat(corners.empty() ? "" : " ", fixed(x, 1), ",", fixed(y, 1));
    if (error_of(point) > 0) marks.bars += draw_error(x, point, axes.y, index);
    marks.dots +=
        draw_dot(x, y, index, cat(curve.name, ", rank ", point.rank, ": ", value_text(point, 4)));
  }
  if (points.size() < 2) return;
  marks.lines +=
      cat("<polyline class=\"line dash ", colour(index), "\" points=\"", corners, "\"/>\n");
}

/// Curves are a little aside of each other and dashed differently, so that equal ones show.
std::string draw_curves(const Panel& panel, const Axes& axes) {
  const double middle = (static_cast<double>(filled_curves(panel)) - 1) / 2;
  double done = 0;
  Marks marks;
  for (size_t i = 0; i < panel.curves.size(); ++i) {
    if (drawn(panel.curves[i]).empty()) continue;
    draw_curve(panel.curves[i], i, axes, (done++ - middle) * kAside, marks);
  }
  return marks.lines + marks.bars + marks.dots;
}

/// The values of a curve that is the only one.
std::string draw_numbers(const Panel& panel, const Axes& axes) {
  std::vector<Point> points;
  for (const Curve& curve : panel.curves) {
    if (!drawn(curve).empty()) points = drawn(curve);
  }
  if (filled_curves(panel) != 1 || points.size() > kMaxNumbered) return "";
  struct End {
    double x, y, high, low;
  };
  std::vector<End> ends;
  std::vector<Segment> obstacles;
  for (const Point& point : points) {
    const double x = axes.x.at(place(point.rank, axes.scale)), y = axes.y.at(point.value);
    const double error = std::abs(axes.y.at(error_of(point)) - axes.y.at(0));
    if (!ends.empty()) obstacles.push_back({ends.back().x, ends.back().y, x, y});
    ends.push_back({x, y, y - error, y + error});
    obstacles.push_back({x, y - error, x, y + error});
  }
  if (const auto base = base_of(panel)) {
    const double y = axes.y.at(base->value);
    obstacles.push_back({kPlotLeft, y, axes.right, y});
  }
  PointLabels labels(std::move(obstacles));
  std::string svg;
  for (size_t i = 0; i < points.size(); ++i) {
    svg += labels.add(ends[i].x, ends[i].high, ends[i].low, fixed(points[i].value, 3));
  }
  return svg;
}

/// The base model: a dashed line, with its standard error as a band.
std::string draw_base(const Point& base, const Axes& axes) {
  const Axis& y = axes.y;
  const double at = y.at(base.value);
  const double top = y.at(std::min(base.value + error_of(base), y.high));
  const double bottom = y.at(std::max(base.value - error_of(base), y.low));
  std::string svg;
  if (error_of(base) > 0) {
    svg += cat("<rect class=\"spread\" x=\"", kPlotLeft, "\" y=\"", fixed(top, 1), "\" width=\"",
               fixed(axes.right - kPlotLeft, 1), "\" height=\"", fixed(bottom - top, 1), "\"/>\n");
  }
  return cat(svg, "<g><title>base model (rank 0): ", value_text(base, 4), "</title>",
             line(kPlotLeft, at, axes.right, at, "base"), "</g>\n");
}

/// The names of several curves, and the base model's value; y is not known yet.
std::vector<EndLabel> end_labels(const Panel& panel) {
  std::vector<EndLabel> labels;
  const bool named = filled_curves(panel) > 1;
  for (size_t i = 0; named && i < panel.curves.size(); ++i) {
    const std::vector<Point> points = drawn(panel.curves[i]);
    if (!points.empty()) {
      labels.push_back({panel.curves[i].name, colour(i), points.back().value});
    }
  }
  if (const auto base = base_of(panel)) {
    labels.push_back({"base " + fixed(base->value, 3), "", base->value});
  }
  return labels;
}

/// In a box of kBoxWidth and kBoxHeight whose corner is at 0, 0.
std::string draw_panel(const Panel& panel, RankScale scale) {
  std::vector<EndLabel> names = end_labels(panel);
  const Axes axes = axes_of(panel, scale, kBoxRight - margin_of(names));
  for (EndLabel& one : names) one.y = axes.y.at(one.y);
  std::string svg = cat("<text class=\"strong panel\" x=\"", kPlotLeft, "\" y=\"",
                        fixed(kPlotTop - 14, 1), "\">", escaped(panel.title));
  if (!panel.axis.empty()) svg += cat("<tspan class=\"unit\"> ", escaped(panel.axis), "</tspan>");
  svg += "</text>\n" + draw_value_ticks(axes);
  svg += line(kPlotLeft, kPlotBottom, axes.right, kPlotBottom, "grid");
  svg += draw_rank_ticks(ranks_of(panel), axes);
  svg += label((kPlotLeft + axes.right) / 2, kPlotBottom + 38, "middle", "",
               scale == RankScale::log2 ? "rank (log scale)" : "rank");
  if (const auto base = base_of(panel)) svg += draw_base(*base, axes);
  return svg + draw_curves(panel, axes) + draw_numbers(panel, axes) +
         draw_end_labels(std::move(names), axes.right + 6);
}

/// The curves that some panel draws; a legend names no other.
std::vector<size_t> shown_curves(const Figure& figure) {
  std::vector<size_t> shown;
  const size_t count = figure.panels.empty() ? 0 : figure.panels.front().curves.size();
  for (size_t i = 0; i < count; ++i) {
    const bool any =
        std::any_of(figure.panels.begin(), figure.panels.end(), [&](const Panel& panel) {
          return i < panel.curves.size() && !drawn(panel.curves[i]).empty();
        });
    if (any) shown.push_back(i);
  }
  return shown.size() > 1 ? shown : std::vector<size_t>();
}

struct LegendBox {
  std::string svg;
  double height = 0;
};

std::string key_marks(size_t index, double x, double y) {
  return cat("<line class=\"line dash key ", colour(index), "\" x1=\"", fixed(x, 1), "\" y1=\"",
             fixed(y, 1), "\" x2=\"", fixed(x + 26, 1), "\" y2=\"", fixed(y, 1), "\"/><circle ",
             "class=\"", colour(index), "\" cx=\"", fixed(x + 13, 1), "\" cy=\"", fixed(y, 1),
             "\" r=\"4.5\"/>");
}

/// From `top` down, in as many lines as the names need.
LegendBox draw_legend(const Figure& figure, double top, double width) {
  LegendBox box;
  double x = kPlotLeft, y = top + kLegendLine / 2;
  for (const LegendEntry& entry : legend_of(figure)) {
    const double length = 56 + kLetter * static_cast<double>(letters(entry.name));
    if (x > kPlotLeft && x + length > width) x = kPlotLeft, y += kLegendLine;
    box.svg += key_marks(entry.index, x, y) + "\n" + label(x + 33, y + 4, "start", "", entry.name);
    x += length;
  }
  if (!box.svg.empty()) box.height = y + kLegendLine / 2 - top;
  return box;
}

}  // namespace

std::string panel_style() { return assets::curves_css; }

std::vector<LegendEntry> legend_of(const Figure& figure) {
  std::vector<LegendEntry> entries;
  for (const size_t i : shown_curves(figure)) {
    entries.push_back({i, figure.panels.front().curves[i].name});
  }
  return entries;
}

std::string key_svg(size_t index) {
  return cat("<svg class=\"plot\" viewBox=\"0 0 26 12\" width=\"26\" height=\"12\" ",
             "aria-hidden=\"true\">", key_marks(index, 0, 6), "</svg>");
}

std::string panel_svg(const Panel& panel, RankScale scale) {
  return cat("<svg class=\"plot\" viewBox=\"0 0 ", kBoxWidth, " ", kBoxHeight, "\" role=\"img\" ",
             "aria-label=\"", escaped(panel.title + " " + panel.axis), "\">\n",
             draw_panel(panel, scale), "</svg>\n");
}

std::string figure_svg(const Figure& figure, RankScale scale) {
  const size_t columns = figure.panels.size() > 1 ? 2 : 1;
  const double width = kBoxWidth * static_cast<double>(columns);
  std::string svg = label(kPlotLeft, 32, "start", "strong title", figure.title);
  double top = 44;
  if (!figure.panels.empty()) {
    const LegendBox legend = draw_legend(figure, top, width);
    svg += legend.svg;
    top += legend.height + 6;
  }
  for (size_t i = 0; i < figure.panels.size(); ++i) {
    svg += cat("<g transform=\"translate(", kBoxWidth * static_cast<double>(i % columns), " ",
               fixed(top, 1), ")\">\n", draw_panel(figure.panels[i], scale), "</g>\n");
    if (i % columns + 1 == columns || i + 1 == figure.panels.size()) top += kBoxHeight + kRowGap;
  }
  return cat("<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", width, " ",
             top, "\" width=\"", width, "\" height=\"", top, "\" role=\"img\">\n<title>",
             escaped(figure.title), "</title>\n<style>\n", panel_style(), "</style>\n",
             "<rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n", svg, "</svg>\n");
}

}  // namespace matlora::report
