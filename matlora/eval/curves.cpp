#include "matlora/eval/curves.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "matlora/base/error.h"
#include "matlora/eval/markup.h"

namespace matlora::eval {
namespace {

// Lengths in SVG units, about a pixel each. A panel is drawn in a box of its own.
constexpr double kBoxWidth = 450, kBoxHeight = 316;
constexpr double kPlotLeft = 64, kPlotRight = 424, kPlotTop = 34, kPlotBottom = 264;
constexpr double kRowGap = 14;
constexpr double kLegendLine = 22;
constexpr double kLetter = 7;       // about one letter of a legend
constexpr double kAside = 4;        // between the bars of two curves at one rank
constexpr double kTickGap = 30;     // least distance of two labels on the rank axis
constexpr size_t kMaxNumbered = 8;  // dots of a single curve that are labelled
constexpr size_t kColours = 6;      // classes c0.. in kStyle

// Plain rules, no CSS variables: not every program that shows SVG knows them.
const char* const kStyle = R"(
  .plot text { font-family: system-ui, -apple-system, "Segoe UI", sans-serif; font-size: 12px;
    paint-order: stroke; stroke-width: 3px; }
  .plot .title { font-size: 16px; font-weight: 600; }
  .plot .panel { font-size: 13px; font-weight: 600; }
  .plot .unit { font-weight: 400; fill: #656d76; } .plot .value { font-size: 11px; }
  .plot .grid { stroke-width: 1; }
  .plot .base { stroke-width: 1.5; stroke-dasharray: 6 4; }
  .plot .spread { stroke: none; opacity: 0.1; }
  .plot polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
  .plot .error { fill: none; stroke-width: 1.2; }
  .plot circle { stroke-width: 1.5; }
  .plot .page { fill: #ffffff; } .plot .spread { fill: #656d76; }
  .plot text { fill: #656d76; stroke: #ffffff; } .plot .strong { fill: #1f2328; }
  .plot circle { stroke: #ffffff; } .plot .grid { stroke: #d8dee4; }
  .plot .base { stroke: #656d76; }
  .plot .line.c0 { stroke: #0969da; } .plot circle.c0 { fill: #0969da; }
  .plot .line.c1 { stroke: #bc4c00; } .plot circle.c1 { fill: #bc4c00; }
  .plot .line.c2 { stroke: #1a7f37; } .plot circle.c2 { fill: #1a7f37; }
  .plot .line.c3 { stroke: #bf3989; } .plot circle.c3 { fill: #bf3989; }
  .plot .line.c4 { stroke: #8250df; } .plot circle.c4 { fill: #8250df; }
  .plot .line.c5 { stroke: #1b7c83; } .plot circle.c5 { fill: #1b7c83; }
  @media (prefers-color-scheme: dark) {
    .plot .page { fill: #0d1117; } .plot .spread { fill: #9198a1; }
    .plot text { fill: #9198a1; stroke: #0d1117; } .plot .strong { fill: #e6edf3; }
    .plot circle { stroke: #0d1117; } .plot .grid { stroke: #30363d; }
    .plot .base { stroke: #9198a1; } .plot .unit { fill: #9198a1; }
    .plot .line.c0 { stroke: #58a6ff; } .plot circle.c0 { fill: #58a6ff; }
    .plot .line.c1 { stroke: #f0883e; } .plot circle.c1 { fill: #f0883e; }
    .plot .line.c2 { stroke: #3fb950; } .plot circle.c2 { fill: #3fb950; }
    .plot .line.c3 { stroke: #f778ba; } .plot circle.c3 { fill: #f778ba; }
    .plot .line.c4 { stroke: #bc8cff; } .plot circle.c4 { fill: #bc8cff; }
    .plot .line.c5 { stroke: #56d4dd; } .plot circle.c5 { fill: #56d4dd; }
  }
)";

/// A range of one axis and where it lies in the drawing; begin > end turns it over.
struct Axis {
  double low, high, begin, end;

  double at(double value) const { return begin + (value - low) / (high - low) * (end - begin); }
};

std::string colour(size_t curve) { return cat("c", curve % kColours); }

double place(int64_t rank, RankScale scale) {
  return scale == RankScale::log2 ? std::log2(rank) : static_cast<double>(rank);
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return cat("<line class=\"", style, "\" x1=\"", fixed(x1, 1), "\" y1=\"", fixed(y1, 1),
             "\" x2=\"", fixed(x2, 1), "\" y2=\"", fixed(y2, 1), "\"/>\n");
}

/// `anchor`: start, middle or end; `style` may be "".
std::string label(double x, double y, const char* anchor, const char* style,
                  const std::string& text) {
  return cat("<text class=\"", style, "\" x=\"", fixed(x, 1), "\" y=\"", fixed(y, 1),
             "\" text-anchor=\"", anchor, "\">", escaped(text), "</text>\n");
}

/// 0 where none is known.
double error_of(const Point& point) {
  const double error = point.standard_error.value_or(0);
  return std::isfinite(error) ? error : 0;
}

std::string value_text(const Point& point, int decimals) {
  return fixed(point.value, decimals) +
         (error_of(point) > 0 ? " ± " + fixed(error_of(point), decimals) : "");
}

/// The points above rank 0 that can be drawn, by ascending rank.
std::vector<Point> drawn(const Curve& curve) {
  std::vector<Point> points;
  for (const Point& point : curve.points) {
    if (point.rank > 0 && std::isfinite(point.value)) points.push_back(point);
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const Point& a, const Point& b) { return a.rank < b.rank; });
  return points;
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

Axis rank_axis(const std::set<int64_t>& ranks, RankScale scale) {
  double low = ranks.empty() ? 0 : place(*ranks.begin(), scale);
  double high = ranks.empty() ? 0 : place(*ranks.rbegin(), scale);
  if (low == high) low -= 1, high += 1;
  return {low, high, kPlotLeft + 14, kPlotRight - 14};
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

/// Holds every value of the panel with its bar, and some room above and below.
Axis value_axis(const Panel& panel) {
  std::vector<double> values;
  const auto add = [&](const Point& point) {
    values.push_back(point.value - error_of(point));
    values.push_back(point.value + error_of(point));
  };
  for (const Curve& curve : panel.curves) {
    for (const Point& point : drawn(curve)) add(point);
  }
  if (const auto base = base_of(panel)) add(*base);
  if (values.empty()) values = {0, 1};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double span = *most - *least, size = std::abs(*most);
  const double room = span > size * 1e-6 ? span * 0.12 : std::max(size * 0.05, 0.01);
  return {*least - room, *most + room, kPlotBottom, kPlotTop};
}

std::string draw_value_ticks(const Axis& y) {
  const double step = tick_step(y.low, y.high, 5);
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  std::string svg;
  for (double i = std::ceil(y.low / step); i * step <= y.high; ++i) {
    const double at = y.at(i * step);
    svg += line(kPlotLeft, at, kPlotRight, at, "grid");
    svg += label(kPlotLeft - 8, at + 4, "end", "", fixed(i * step, decimals));
  }
  return svg;
}

/// Labels the powers of two first, then the other ranks that still have room.
std::string draw_rank_ticks(const std::set<int64_t>& ranks, const Axis& x, RankScale scale) {
  std::vector<double> taken;
  std::string svg;
  for (const bool power_of_two : {true, false}) {
    for (const int64_t rank : ranks) {
      if (((rank & (rank - 1)) == 0) != power_of_two) continue;
      const double at = x.at(place(rank, scale));
      svg += line(at, kPlotBottom, at, kPlotBottom + 4, "grid");
      const bool room = std::all_of(taken.begin(), taken.end(),
                                    [&](double other) { return std::abs(at - other) >= kTickGap; });
      if (!room) continue;
      taken.push_back(at);
      svg += label(at, kPlotBottom + 18, "middle", "", std::to_string(rank));
    }
  }
  return svg;
}

std::string draw_error(double x, double low, double high, size_t curve) {
  const std::string left = fixed(x - 3.5, 1);
  return cat("<path class=\"error line ", colour(curve), "\" d=\"M", fixed(x, 1), " ",
             fixed(low, 1), "V", fixed(high, 1), "M", left, " ", fixed(low, 1), "h7M", left, " ",
             fixed(high, 1), "h7\"/>\n");
}

std::string draw_dot(double x, double y, size_t curve, const std::string& tooltip) {
  return cat("<circle class=\"", colour(curve), "\" cx=\"", fixed(x, 1), "\" cy=\"", fixed(y, 1),
             "\" r=\"4.5\"><title>", escaped(tooltip), "</title></circle>\n");
}

/// Where a panel's values lie.
struct Axes {
  Axis x, y;
  RankScale scale;
};

/// A curve's marks; those of all curves are drawn layer by layer, dots last.
struct Marks {
  std::string lines, bars, dots, numbers;
};

/// `aside`: how far to the right of its ranks.
void draw_curve(const Curve& curve, size_t index, const Axes& axes, double aside, Marks& marks) {
  std::string corners;
  const std::vector<Point> points = drawn(curve);
  for (const Point& point : points) {
    const double x = axes.x.at(place(point.rank, axes.scale)) + aside, y = axes.y.at(point.value);
    const double error = error_of(point), top = axes.y.at(point.value + error);
    corners += cat(corners.empty() ? "" : " ", fixed(x, 1), ",", fixed(y, 1));
    if (error > 0) marks.bars += draw_error(x, axes.y.at(point.value - error), top, index);
    marks.dots +=
        draw_dot(x, y, index, cat(curve.name, ", rank ", point.rank, ": ", value_text(point, 4)));
    marks.numbers +=
        label(x, std::min(y - 10, top - 5), "middle", "strong value", fixed(point.value, 3));
  }
  if (points.size() < 2) return;
  marks.lines += cat("<polyline class=\"line ", colour(index), "\" points=\"", corners, "\"/>\n");
}

/// Curves whose bars would hide each other stand a little aside; numbers only beside one curve.
std::string draw_curves(const Panel& panel, const Axes& axes, size_t ranks) {
  size_t filled = 0, done = 0;
  bool bars = false;
  for (const Curve& curve : panel.curves) {
    if (!curve.points.empty()) ++filled;
    for (const Point& point : curve.points) bars = bars || error_of(point) > 0;
  }
  Marks marks;
  for (size_t i = 0; i < panel.curves.size(); ++i) {
    if (panel.curves[i].points.empty()) continue;
    const double middle = (static_cast<double>(filled) - 1) / 2;
    const double aside = bars ? (static_cast<double>(done++) - middle) * kAside : 0;
    draw_curve(panel.curves[i], i, axes, aside, marks);
  }
  const bool numbered = filled == 1 && ranks <= kMaxNumbered;
  return marks.lines + marks.bars + marks.dots + (numbered ? marks.numbers : "");
}

/// The base model: a dashed line, with its standard error as a band.
std::string draw_base(const Point& base, const Axis& y) {
  const double at = y.at(base.value), top = y.at(base.value + error_of(base));
  std::string svg;
  if (error_of(base) > 0) {
    svg += cat("<rect class=\"spread\" x=\"", kPlotLeft, "\" y=\"", fixed(top, 1), "\" width=\"",
               kPlotRight - kPlotLeft, "\" height=\"", fixed(2 * (at - top), 1), "\"/>\n");
  }
  svg += line(kPlotLeft, at, kPlotRight, at, "base");
  return svg + label(kPlotRight, at - 6, "end", "", "base model (rank 0): " + value_text(base, 3));
}

/// In a box of kBoxWidth and kBoxHeight whose corner is at 0, 0.
std::string draw_panel(const Panel& panel, RankScale scale) {
  const std::set<int64_t> ranks = ranks_of(panel);
  const Axes axes{rank_axis(ranks, scale), value_axis(panel), scale};
  std::string svg = cat("<text class=\"strong panel\" x=\"", kPlotLeft, "\" y=\"",
                        fixed(kPlotTop - 12, 1), "\">", escaped(panel.title));
  if (!panel.axis.empty()) svg += cat("<tspan class=\"unit\"> ", escaped(panel.axis), "</tspan>");
  svg += "</text>\n" + draw_value_ticks(axes.y);
  svg += line(kPlotLeft, kPlotBottom, kPlotRight, kPlotBottom, "grid");
  svg += draw_rank_ticks(ranks, axes.x, scale);
  svg += label((kPlotLeft + kPlotRight) / 2, kPlotBottom + 38, "middle", "",
               scale == RankScale::log2 ? "rank (log scale)" : "rank");
  if (const auto base = base_of(panel)) svg += draw_base(*base, axes.y);
  svg += draw_curves(panel, axes, ranks.size());
  return svg;
}

struct Legend {
  std::string svg;
  double height = 0;
};

/// From `top` down, in as many lines as the names need.
Legend draw_legend(const std::vector<Curve>& curves, double top, double width) {
  Legend legend;
  if (curves.size() < 2) return legend;
  double x = kPlotLeft, y = top + kLegendLine / 2;
  for (size_t i = 0; i < curves.size(); ++i) {
    const double length = 40 + kLetter * static_cast<double>(curves[i].name.size());
    if (x > kPlotLeft && x + length > width) x = kPlotLeft, y += kLegendLine;
    legend.svg += cat("<circle class=\"", colour(i), "\" cx=\"", fixed(x + 5, 1), "\" cy=\"",
                      fixed(y, 1), "\" r=\"4.5\"/>\n");
    legend.svg += label(x + 16, y + 4, "start", "", curves[i].name);
    x += length;
  }
  legend.height = y + kLegendLine / 2 - top;
  return legend;
}

}  // namespace

std::string panel_style() { return kStyle; }

std::string key_svg(size_t index) {
  return cat(
      "<svg class=\"plot\" viewBox=\"0 0 12 12\" width=\"12\" height=\"12\" "
      "aria-hidden=\"true\"><circle class=\"",
      colour(index), "\" cx=\"6\" cy=\"6\" r=\"5\"/></svg>");
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
    const Legend legend = draw_legend(figure.panels.front().curves, top, width);
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
             escaped(figure.title), "</title>\n<style>", kStyle, "</style>\n",
             "<rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n", svg, "</svg>\n");
}

}  // namespace matlora::eval
