#include "matlora/eval/curves.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <set>

#include "matlora/base/error.h"

namespace matlora::eval {
namespace {

// Lengths in SVG units, about a pixel each.
constexpr double kWidth = 900, kHeight = 410;
constexpr double kPlotWidth = 360, kPlotHeight = 250, kPlotTop = 98;
constexpr double kPlotLeft[] = {64, 514};  // of the two panels
constexpr double kTickGap = 30;            // least distance of two labels on the rank axis
constexpr size_t kMaxNumbered = 8;         // dots of a single curve that are labelled
constexpr size_t kColours = 6;             // classes c0.. in kStyle

// Plain rules, no CSS variables: not every program that shows SVG knows them.
const char* const kStyle = R"(<style>
  text { font-family: system-ui, -apple-system, "Segoe UI", sans-serif; font-size: 12px;
         paint-order: stroke; stroke-width: 3px; }
  .title { font-size: 16px; font-weight: 600; }
  .panel { font-size: 13px; font-weight: 600; }
  .value { font-size: 11px; }
  .grid { stroke-width: 1; }
  .base { stroke-width: 1.5; stroke-dasharray: 6 4; }
  polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
  circle { stroke-width: 1.5; }
  rect { fill: #ffffff; } text { fill: #656d76; stroke: #ffffff; } .strong { fill: #1f2328; }
  circle { stroke: #ffffff; } .grid { stroke: #d8dee4; } .base { stroke: #656d76; }
  polyline.c0 { stroke: #0969da; } circle.c0 { fill: #0969da; }
  polyline.c1 { stroke: #bc4c00; } circle.c1 { fill: #bc4c00; }
  polyline.c2 { stroke: #1a7f37; } circle.c2 { fill: #1a7f37; }
  polyline.c3 { stroke: #bf3989; } circle.c3 { fill: #bf3989; }
  polyline.c4 { stroke: #8250df; } circle.c4 { fill: #8250df; }
  polyline.c5 { stroke: #1b7c83; } circle.c5 { fill: #1b7c83; }
  @media (prefers-color-scheme: dark) {
    rect { fill: #0d1117; } text { fill: #9198a1; stroke: #0d1117; } .strong { fill: #e6edf3; }
    circle { stroke: #0d1117; } .grid { stroke: #30363d; } .base { stroke: #9198a1; }
    polyline.c0 { stroke: #58a6ff; } circle.c0 { fill: #58a6ff; }
    polyline.c1 { stroke: #f0883e; } circle.c1 { fill: #f0883e; }
    polyline.c2 { stroke: #3fb950; } circle.c2 { fill: #3fb950; }
    polyline.c3 { stroke: #f778ba; } circle.c3 { fill: #f778ba; }
    polyline.c4 { stroke: #bc8cff; } circle.c4 { fill: #bc8cff; }
    polyline.c5 { stroke: #56d4dd; } circle.c5 { fill: #56d4dd; }
  }
</style>
)";

/// One of the two plots.
struct Panel {
  const char* title;
  double RankScore::*value;
  int decimals;  // of the numbers at the dots
  double left;
};

/// A range of one axis and where it lies in the drawing; begin > end turns it over.
struct Axis {
  double low, high, begin, end;

  double at(double value) const { return begin + (value - low) / (high - low) * (end - begin); }
};

std::string fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string colour(size_t curve) { return cat("c", curve % kColours); }

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

/// The ranks above 0 of one curve, ascending, where `value` can be drawn.
std::vector<RankScore> drawn(const NamedCurve& curve, double RankScore::*value) {
  std::vector<RankScore> rows;
  for (const RankScore& row : curve.rows) {
    if (row.rank > 0 && std::isfinite(row.*value)) rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end(),
            [](const RankScore& a, const RankScore& b) { return a.rank < b.rank; });
  return rows;
}

std::optional<double> base_value(std::span<const NamedCurve> curves, double RankScore::*value) {
  for (const NamedCurve& curve : curves) {
    for (const RankScore& row : curve.rows) {
      if (row.rank == 0 && std::isfinite(row.*value)) return row.*value;
    }
  }
  return std::nullopt;
}

std::set<int64_t> all_ranks(std::span<const NamedCurve> curves) {
  std::set<int64_t> ranks;
  for (const NamedCurve& curve : curves) {
    for (const RankScore& row : curve.rows) {
      if (row.rank > 0) ranks.insert(row.rank);
    }
  }
  return ranks;
}

Axis rank_axis(const std::set<int64_t>& ranks, double left) {
  double low = ranks.empty() ? 0 : std::log2(*ranks.begin());
  double high = ranks.empty() ? 0 : std::log2(*ranks.rbegin());
  if (low == high) low -= 1, high += 1;
  return {low, high, left + 14, left + kPlotWidth - 14};
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

/// Holds every value of the panel, with some room above and below.
Axis value_axis(std::span<const NamedCurve> curves, const Panel& panel) {
  std::vector<double> values;
  for (const NamedCurve& curve : curves) {
    for (const RankScore& row : drawn(curve, panel.value)) values.push_back(row.*panel.value);
  }
  if (const auto base = base_value(curves, panel.value)) values.push_back(*base);
  if (values.empty()) values = {0, 1};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double room = std::max((*most - *least) * 0.12, std::max(std::abs(*most), 1e-3) * 1e-3);
  return {*least - room, *most + room, kPlotTop + kPlotHeight, kPlotTop};
}

std::string draw_value_ticks(const Axis& y, double left) {
  const double step = tick_step(y.low, y.high, 5);
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  std::string svg;
  for (double i = std::ceil(y.low / step); i * step <= y.high; ++i) {
    const double at = y.at(i * step);
    svg += line(left, at, left + kPlotWidth, at, "grid");
    svg += label(left - 8, at + 4, "end", "", fixed(i * step, decimals));
  }
  return svg;
}

/// Labels the powers of two first, then the other ranks that still have room.
std::string draw_rank_ticks(const std::set<int64_t>& ranks, const Axis& x) {
  const double bottom = kPlotTop + kPlotHeight;
  std::vector<double> taken;
  std::string svg;
  for (const bool power_of_two : {true, false}) {
    for (const int64_t rank : ranks) {
      if (((rank & (rank - 1)) == 0) != power_of_two) continue;
      const double at = x.at(std::log2(rank));
      svg += line(at, bottom, at, bottom + 4, "grid");
      const bool room = std::all_of(taken.begin(), taken.end(),
                                    [&](double other) { return std::abs(at - other) >= kTickGap; });
      if (!room) continue;
      taken.push_back(at);
      svg += label(at, bottom + 18, "middle", "", std::to_string(rank));
    }
  }
  return svg;
}

std::string draw_curve(const NamedCurve& curve, size_t index, const Panel& panel, const Axis& x,
                       const Axis& y, bool numbered) {
  std::string points, dots;
  for (const RankScore& row : drawn(curve, panel.value)) {
    const double value = row.*panel.value, cx = x.at(std::log2(row.rank)), cy = y.at(value);
    points += cat(points.empty() ? "" : " ", fixed(cx, 1), ",", fixed(cy, 1));
    dots += cat("<circle class=\"", colour(index), "\" cx=\"", fixed(cx, 1), "\" cy=\"",
                fixed(cy, 1), "\" r=\"4.5\"><title>", escaped(curve.name), ", rank ", row.rank,
                ": ", fixed(value, 4), "</title></circle>\n");
    if (numbered) {
      dots += label(cx, cy - 10, "middle", "strong value", fixed(value, panel.decimals));
    }
  }
  if (points.empty()) return "";
  return cat("<polyline class=\"", colour(index), "\" points=\"", points, "\"/>\n", dots);
}

std::string draw_panel(std::span<const NamedCurve> curves, const Panel& panel) {
  const std::set<int64_t> ranks = all_ranks(curves);
  const Axis x = rank_axis(ranks, panel.left), y = value_axis(curves, panel);
  const double right = panel.left + kPlotWidth, bottom = kPlotTop + kPlotHeight;
  std::string svg = label(panel.left, kPlotTop - 12, "start", "strong panel", panel.title);
  svg += draw_value_ticks(y, panel.left);
  svg += line(panel.left, bottom, right, bottom, "grid");
  svg += draw_rank_ticks(ranks, x);
  svg += label((panel.left + right) / 2, bottom + 38, "middle", "", "rank (log scale)");
  if (const auto base = base_value(curves, panel.value)) {
    svg += line(panel.left, y.at(*base), right, y.at(*base), "base");
    svg += label(right, y.at(*base) - 6, "end", "",
                 "base model (rank 0): " + fixed(*base, panel.decimals));
  }
  const bool numbered = curves.size() == 1 && ranks.size() <= kMaxNumbered;
  for (size_t i = 0; i < curves.size(); ++i) {
    svg += draw_curve(curves[i], i, panel, x, y, numbered);
  }
  return svg;
}

std::string draw_legend(std::span<const NamedCurve> curves) {
  std::string svg;
  double at = kPlotLeft[0];
  for (size_t i = 0; i < curves.size(); ++i) {
    svg += cat("<circle class=\"", colour(i), "\" cx=\"", fixed(at + 5, 1),
               "\" cy=\"52\" r=\"4.5\"/>\n");
    svg += label(at + 16, 56, "start", "", curves[i].name);
    at += 40 + 7 * static_cast<double>(curves[i].name.size());  // 7: about one letter
  }
  return svg;
}

}  // namespace

std::string curves_svg(std::span<const NamedCurve> curves, const std::string& title) {
  const Panel panels[] = {
      {"Token accuracy", &RankScore::token_accuracy, 3, kPlotLeft[0]},
      {"Loss (nats per label token)", &RankScore::loss, 3, kPlotLeft[1]},
  };
  std::string svg = cat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", kWidth, " ",
                        kHeight, "\" width=\"", kWidth, "\" height=\"", kHeight,
                        "\" role=\"img\">\n<title>", escaped(title), "</title>\n", kStyle,
                        "<rect width=\"100%\" height=\"100%\" rx=\"8\"/>\n");
  svg += label(kPlotLeft[0], 32, "start", "strong title", title);
  if (curves.size() > 1) svg += draw_legend(curves);
  for (const Panel& panel : panels) svg += draw_panel(curves, panel);
  return svg + "</svg>\n";
}

}  // namespace matlora::eval
