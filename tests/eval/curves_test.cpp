#include "matlora/eval/curves.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "matlora/base/error.h"
#include "tests/support/markup.h"

namespace matlora::eval {
namespace {

using tests::expect_well_formed;
using tests::occurrences;

Figure figure_of(std::vector<Curve> curves) { return {"title", {{"Accuracy", "acc", curves}}}; }

Curve some_curve() {
  return {"adapter", {{0, 0.3, 0.01}, {1, 0.2, {}}, {2, 0.4, 0.02}, {4, 0.6, 0.05}}};
}

TEST(Curves, OneCurveShowsEveryRankInEveryPanel) {
  const Panel panel{"a < b", "acc & more", {some_curve()}};
  const std::string svg = figure_svg({"a < b & \"c\"", {panel, panel}});
  expect_well_formed(svg);
  for (const int rank : {1, 2, 4}) {
    EXPECT_EQ(occurrences(svg, cat("rank ", rank, ": ")), 2u) << rank;
    EXPECT_EQ(occurrences(svg, cat(">", rank, "</text>")), 2u) << rank;
  }
  EXPECT_EQ(occurrences(svg, "base model (rank 0): 0.300 ± 0.010"), 2u);
  EXPECT_EQ(occurrences(svg, "<polyline"), 2u);
  EXPECT_EQ(occurrences(svg, "<g transform"), 2u);
  EXPECT_EQ(occurrences(svg, "prefers-color-scheme"), 1u);
}

TEST(Curves, SeveralCurvesHaveALegend) {
  const std::string svg =
      figure_svg(figure_of({{"paper", some_curve().points}, {"trained", {{3, 1, {}}}}}));
  expect_well_formed(svg);
  EXPECT_EQ(occurrences(svg, ">paper</text>"), 1u);
  EXPECT_EQ(occurrences(svg, ">trained</text>"), 1u);
  EXPECT_EQ(occurrences(svg, "trained, rank 3: "), 1u);
}

TEST(Curves, ErrorBarsAreOneStandardErrorUpAndDown) {
  // From 0.2 - 0 to 0.6 + 0.05; room above and below: 12% of 0.45.
  const std::string svg = figure_svg(figure_of({some_curve()}));
  EXPECT_EQ(occurrences(svg, "class=\"error line c0\""), 2u);
  EXPECT_EQ(occurrences(svg, "class=\"spread\""), 1u);  // the base model's
  EXPECT_EQ(occurrences(svg, "rank 4: 0.6000 ± 0.0500"), 1u);
  EXPECT_EQ(occurrences(svg, "rank 1: 0.2000<"), 1u);
  const double low = 0.2 - 0.054, high = 0.65 + 0.054, pixels = 230;
  const auto y = [&](double value) { return 264 - (value - low) / (high - low) * pixels; };
  char bar[64];
  std::snprintf(bar, sizeof bar, "d=\"M410.0 %.1fV%.1fM", y(0.55), y(0.65));
  EXPECT_EQ(occurrences(svg, bar), 1u) << bar;
}

TEST(Curves, OnePointIsADotWithItsBar) {
  const std::string svg = figure_svg(figure_of({{"one", {{8, 0.5, 0.1}}}}));
  EXPECT_EQ(occurrences(svg, "<polyline"), 0u);
  EXPECT_EQ(occurrences(svg, "<circle"), 1u);
  EXPECT_EQ(occurrences(svg, "class=\"error"), 1u);
}

TEST(Curves, TheRankAxisIsLogOrLinear) {
  // Ranks 1, 2, 4 from 78 to 410.
  const Panel panel{"Accuracy", "", {some_curve()}};
  const std::string log2 = panel_svg(panel, RankScale::log2);
  const std::string linear = panel_svg(panel, RankScale::linear);
  EXPECT_EQ(occurrences(log2, "cx=\"244.0\""), 1u);
  EXPECT_EQ(occurrences(linear, "cx=\"188.7\""), 1u);
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

TEST(Curves, PanelsWrapTwoPerRow) {
  const Panel panel{"p", "", {some_curve()}};
  const std::string svg = figure_svg({"five", {panel, panel, panel, panel, panel}});
  expect_well_formed(svg);
  EXPECT_EQ(occurrences(svg, "translate(0 "), 3u);
  EXPECT_EQ(occurrences(svg, "translate(450 "), 2u);
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
}  // namespace matlora::eval
