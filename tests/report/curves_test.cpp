#include "matlora/report/curves.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "matlora/base/error.h"
#include "tests/support/markup.h"

namespace matlora::report {
namespace {

using tests::expect_well_formed;
using tests::occurrences;

Figure figure_of(std::vector<Curve> curves) { return {"title", {{"Accuracy", "acc", curves}}}; }

Curve some_curve() {
  return {"adapter", {{0, 0.3, 0.01}, {1, 0.2, {}}, {2, 0.4, 0.02}, {4, 0.6, 0.05}}};
}

void expect_has_dashes(const std::string& style) {
  for (const char* curve : {".c1.dash", ".c2.dash", ".c3.dash", ".c4.dash", ".c5.dash"}) {
    EXPECT_EQ(occurrences(style, curve), 1u) << curve;
  }
}

TEST(Curves, OneCurveShowsEveryRankInEveryPanel) {
  const Panel panel{"a < b", "acc & more", {some_curve()}};
  const std::string svg = figure_svg({"a < b & \"c\"", {panel, panel}});
  expect_well_formed(svg);
  for (const int rank : {1, 2, 4}) {
    EXPECT_EQ(occurrences(svg, cat("rank ", rank, ": ")), 2u) << rank;
    EXPECT_EQ(occurrences(svg, cat(">", rank, "</text>")), 2u) << rank;
  }
  EXPECT_EQ(occurrences(svg, "base model (rank 0): 0.3000 ± 0.0100</title>"), 2u);
  EXPECT_EQ(occurrences(svg, ">base 0.300</text>"), 2u);
  EXPECT_EQ(occurrences(svg, "<polyline"), 2u);
  EXPECT_EQ(occurrences(svg, "<g transform"), 2u);
  EXPECT_EQ(occurrences(svg, "prefers-color-scheme"), 1u);
}

TEST(Curves, SeveralCurvesHaveALegend) {
  const std::string svg =
      figure_svg(figure_of({{"paper", some_curve().points}, {"trained", {{3, 1, {}}}}}));
  expect_well_formed(svg);
  // In the legend and at the line's end, in the line's colour.
  EXPECT_EQ(occurrences(svg, ">paper</text>"), 2u);
  EXPECT_EQ(occurrences(svg, ">trained</text>"), 2u);
  EXPECT_EQ(occurrences(svg, "<text class=\"c1\""), 1u);
  EXPECT_EQ(occurrences(svg, "trained, rank 3: "), 1u);
}

TEST(Curves, ErrorBarsAreOneStandardErrorUpAndDown) {
  // From 0.2 - 0 to 0.6 + 0.05; space above and below: 12% of 0.45. "base 0.300" has a margin of
  // 10 + 10 · 7 right of the plot, which ends at 462.
  const std::string svg = figure_svg(figure_of({some_curve()}));
  EXPECT_EQ(occurrences(svg, "class=\"error line c0\""), 2u);
  EXPECT_EQ(occurrences(svg, "class=\"spread\""), 1u);  // the base model's
  EXPECT_EQ(occurrences(svg, "rank 4: 0.6000 ± 0.0500"), 1u);
  EXPECT_EQ(occurrences(svg, "rank 1: 0.2000<"), 1u);
  const double low = 0.2 - 0.054, high = 0.65 + 0.054, pixels = 230;
  const auto y = [&](double value) { return 264 - (value - low) / (high - low) * pixels; };
  char bar[64];
  std::snprintf(bar, sizeof bar, "d=\"M368.0 %.1fV%.1fM", y(0.55), y(0.65));
  EXPECT_EQ(occurrences(svg, bar), 1u) << bar;
}

TEST(Curves, OnePointIsADotWithItsBar) {
  const std::string svg = figure_svg(figure_of({{"one", {{8, 0.5, 0.1}}}}));
  EXPECT_EQ(occurrences(svg, "<polyline"), 0u);
  EXPECT_EQ(occurrences(svg, "<circle"), 1u);
  EXPECT_EQ(occurrences(svg, "class=\"error"), 1u);
}

TEST(Curves, TheRankAxisIsLogOrLinear) {
  // Ranks 1, 2, 4 from 70 to 368.
  const Panel panel{"Accuracy", "", {some_curve()}};
  const std::string log2 = panel_svg(panel, RankScale::log2);
  const std::string linear = panel_svg(panel, RankScale::linear);
  EXPECT_EQ(occurrences(log2, "cx=\"219.0\""), 1u);
  EXPECT_EQ(occurrences(linear, "cx=\"169.3\""), 1u);
  EXPECT_EQ(occurrences(log2, "rank (log scale)"), 1u);
  EXPECT_EQ(occurrences(linear, ">rank</text>"), 1u);
  expect_well_formed(log2);
  EXPECT_EQ(occurrences(log2, "http"), 0u);
}

TEST(Curves, AFlatCurveHasAxisLabelsThatCanBeRead) {
  for (const double value : {0.0, 0.5, 1e-9, 1234.5}) {
    const std::string svg = figure_svg(figure_of({{"flat", {{1, value, 0}, {2, value, 0}}}}));
    expect_well_formed(svg);
    EXPECT_EQ(occurrences(svg, "0.0000"), value < 0.1 ? 2u : 0u);  // in tooltips only
  }
}

/// Attribute `name` of every element that begins with `start`.
std::vector<double> numbers_in(const std::string& svg, const std::string& start,
                               const std::string& name) {
  std::vector<double> numbers;
  for (size_t at = svg.find(start); at != std::string::npos; at = svg.find(start, at + 1)) {
    const size_t value = svg.find(name + "=\"", at) + name.size() + 2;
    numbers.push_back(std::stod(svg.substr(value)));
  }
  return numbers;
}

TEST(Curves, EqualCurvesShowBoth) {
  const Curve one = some_curve();
  const std::string svg = panel_svg({"p", "", {one, one}}, RankScale::log2);
  EXPECT_EQ(occurrences(svg, "class=\"line dash c0\""), 1u);
  EXPECT_EQ(occurrences(svg, "class=\"line dash c1\""), 1u);
  // Aside of each other, also without error bars.
  const auto first = numbers_in(svg, "<circle class=\"c0\"", "cx");
  const auto second = numbers_in(svg, "<circle class=\"c1\"", "cx");
  ASSERT_EQ(first.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(second[i] - first[i], 4, 0.11);
  expect_has_dashes(panel_style());
}

TEST(Curves, NamesAtTheEndsDoNotOverlap) {
  std::vector<Curve> curves;
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
    curves.push_back({name, {{0, 0.5, {}}, {1, 0.4, {}}, {2, 0.5, {}}}});
  }
  curves[3].name = "a name so long that it does not fit";
  const std::string svg = panel_svg({"p", "", curves}, RankScale::log2);
  std::vector<double> ys = numbers_in(svg, "<text class=\"c", "y");
  ASSERT_EQ(ys.size(), 6u);
  std::sort(ys.begin(), ys.end());
  for (size_t i = 1; i < ys.size(); ++i) EXPECT_GE(ys[i] - ys[i - 1], 15.9);
  EXPECT_GE(ys.front(), 34);
  EXPECT_LE(ys.back(), 280);
  EXPECT_EQ(occurrences(svg, ">a name so long t…</text>"), 1u);
}

TEST(Curves, NumbersAreOffTheLine) {
  // Rising steeply: a number above its dot's middle would be crossed by the next piece of line.
  const Curve curve{"c", {{1, 0.1, {}}, {2, 0.15, {}}, {4, 0.9, {}}}};
  const std::string svg = panel_svg({"p", "", {curve}}, RankScale::log2);
  const auto x = numbers_in(svg, "<circle", "cx"), y = numbers_in(svg, "<circle", "cy");
  const auto left = numbers_in(svg, "<text class=\"strong value\"", "x");
  const auto base = numbers_in(svg, "<text class=\"strong value\"", "y");
  ASSERT_EQ(left.size(), 3u);
  for (size_t label = 0; label < 3; ++label) {
    for (size_t i = 0; i + 1 < x.size(); ++i) {
      for (double t = 0; t <= 1; t += 0.01) {
        const double at = x[i] + t * (x[i + 1] - x[i]), height = y[i] + t * (y[i + 1] - y[i]);
        const bool inside = at > left[label] && at < left[label] + 32 && height > base[label] - 9 &&
                            height < base[label];
        EXPECT_FALSE(inside) << label << " at " << at << "," << height;
      }
    }
  }
}

// At the top of the axis a number is below its bar: above it is the panel's title.
TEST(Curves, NumbersAreOffTheTitle) {
  Panel panel{"p", "", {{"c", {{1, 0.9, 0.1}, {2, 0.95, 0.05}, {4, 1.0, 0.0}}}}};
  panel.least = 0;
  panel.most = 1;
  const std::string svg = panel_svg(panel, RankScale::log2);
  const auto base = numbers_in(svg, "<text class=\"strong value\"", "y");
  ASSERT_EQ(base.size(), 3u);
  for (const double y : base) EXPECT_GT(y, 34) << "the plot begins at 34";
}

TEST(Curves, AnAccuracyIsNeverNegative) {
  Panel panel{"p", "", {{"c", {{0, 0.0, 0.0}, {1, 0.02, 0.05}, {2, 0.05, 0.1}}}}};
  EXPECT_GT(occurrences(panel_svg(panel, RankScale::log2), ">-0."), 0u);  // so it would be
  panel.least = 0;
  panel.most = 1;
  const std::string svg = panel_svg(panel, RankScale::log2);
  EXPECT_EQ(occurrences(svg, ">-0."), 0u);
  EXPECT_EQ(occurrences(svg, " 264.0V"), 2u);  // bars end at the axis
  panel.curves[0].points[2] = {2, 1.0, 0.1};
  EXPECT_EQ(occurrences(panel_svg(panel, RankScale::log2), ">1.2</text>"), 0u);
  panel.curves[0].points[1] = {1, -0.5, 0.1};  // a value beyond is drawn all the same
  EXPECT_GT(occurrences(panel_svg(panel, RankScale::log2), ">-0."), 0u);
}

TEST(Curves, ALegendNamesOnlyWhatIsDrawn) {
  const Figure figure = figure_of({{"here", some_curve().points},
                                   {"base only", {{0, 0.5, {}}}},
                                   {"nothing", {}},
                                   {"there", some_curve().points}});
  const auto legend = legend_of(figure);
  ASSERT_EQ(legend.size(), 2u);
  EXPECT_EQ(legend[0].name, "here");
  EXPECT_EQ(legend[1].index, 3u);
  EXPECT_EQ(occurrences(figure_svg(figure), "base only"), 0u);
  EXPECT_TRUE(legend_of(figure_of({some_curve(), {"nothing", {}}})).empty());
}

TEST(Curves, PanelsWrapTwoPerRow) {
  const Panel panel{"p", "", {some_curve()}};
  const std::string svg = figure_svg({"five", {panel, panel, panel, panel, panel}});
  expect_well_formed(svg);
  EXPECT_EQ(occurrences(svg, "translate(0 "), 3u);
  EXPECT_EQ(occurrences(svg, "translate(470 "), 2u);
}

TEST(Curves, DrawsWhatThereIs) {
  const double infinite = std::numeric_limits<double>::infinity();
  const Curve cases[] = {
      {"nothing", {}},
      {"base only", {{0, 0.5, {}}}},
      {"one rank", {{8, 0.5, {}}}},
      {"flat", {{1, 0, 0}, {2, 0, 0}}},
      {"diverged", {{0, 2, {}}, {1, infinite, {}}, {2, 1, infinite}}},
      {"not a number", {{1, std::nan(""), std::nan("")}, {2, 1, std::nan("")}}},
  };
  for (const Curve& curve : cases) {
    SCOPED_TRACE(curve.name);
    expect_well_formed(figure_svg(figure_of({curve})));
    expect_well_formed(figure_svg(figure_of({curve}), RankScale::linear));
  }
  expect_well_formed(figure_svg({"no panels", {}}));
}

}  // namespace
}  // namespace matlora::report
