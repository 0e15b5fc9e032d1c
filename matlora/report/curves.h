// Curves over rank as SVG: panels of dots with error bars, for light and dark pages. No script, no
// fonts. Nothing here knows where the values come from.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace matlora::report {

struct Point {
  int64_t rank = 0;
  double value = 0;                      // one that is not finite is not drawn
  std::optional<double> standard_error;  // a bar of that length up and down
};

struct Curve {
  std::string name;
  std::vector<Point> points;  // in any order; rank 0 is the base model
};

struct Panel {
  std::string title;
  std::string axis;  // what the values are
  std::vector<Curve> curves;
  // What a value can be: the axis shows nothing beyond (an accuracy is never negative).
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
};

/// Every panel has the same curves in the same order: a curve's place is its colour. One without
/// points is left out.
struct Figure {
  std::string title;
  std::vector<Panel> panels;
};

enum class RankScale { log2, linear };

/// An SVG file, two panels a row. A panel has a line per curve with a dot at every rank; one point
/// alone is a dot. Rank 0 of the first curve that has it, the base model, is a dashed line whose
/// value is at its end. Several curves have a legend, their names at the lines' ends, and different
/// dashes a little aside of each other, so that equal ones show. A single curve of few ranks has
/// numbers, off the line. Every dot has a tooltip.
std::string figure_svg(const Figure& figure, RankScale scale = RankScale::log2);

/// One panel as an <svg> element for an HTML page that has panel_style() in a <style>.
std::string panel_svg(const Panel& panel, RankScale scale);

struct LegendEntry {
  size_t index = 0;  // of the curve
  std::string name;
};

/// The curves that are drawn in some panel; empty for a single one.
std::vector<LegendEntry> legend_of(const Figure& figure);

/// A dash and a dot as those of the curve at `index`, for a legend in HTML.
std::string key_svg(size_t index);

/// CSS rules, all of them below .plot.
std::string panel_style();

}  // namespace matlora::report
