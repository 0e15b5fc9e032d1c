#include "matlora/eval/report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/eval/curves.h"

namespace matlora::eval {
namespace {

RankScore row(int64_t rank, double loss, double accuracy) {
  return {rank, loss, std::exp(loss), accuracy, 123, rank * 50, 0.25, {}};
}

SweepReport example_report() {
  SweepReport report;
  report.model = "models/tiny & <small>";
  report.adapter = "out/adapter";
  report.data = "test.jsonl";
  report.inference_gate = "trained";
  report.dtype = "float32";
  report.device = "cpu";
  report.examples = 2;
  report.result.rows = {row(0, 2.5, 0.3), row(1, 1.5, 0.2), row(2, 1.25, 0.4), row(4, 1.0, 0.6)};
  return report;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

size_t occurrences(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

/// Whether every element is closed in order, nothing is unquoted and no bare & is left.
void expect_well_formed(const std::string& svg) {
  std::vector<std::string> open;
  for (size_t at = svg.find('<'); at != std::string::npos; at = svg.find('<', at + 1)) {
    const size_t end = svg.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = svg.substr(at + 1, end - at - 1);
    EXPECT_EQ(occurrences(tag, "\"") % 2, 0u) << tag;
    EXPECT_EQ(occurrences(tag, "<"), 0u) << tag;
    const std::string name = tag.substr(0, tag.find(' '));
    if (tag[0] == '/') {
      ASSERT_FALSE(open.empty()) << tag;
      EXPECT_EQ(open.back(), tag.substr(1));
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
  }
  EXPECT_TRUE(open.empty());
  EXPECT_EQ(occurrences(svg, "&"), occurrences(svg, "&amp;") + occurrences(svg, "&lt;") +
                                       occurrences(svg, "&gt;") + occurrences(svg, "&quot;"));
  EXPECT_EQ(occurrences(svg, "nan") + occurrences(svg, "inf,") + occurrences(svg, "\"inf"), 0u);
}

TEST(Report, JsonHasTheFieldsOfTheDesign) {
  const Json json = sweep_json(example_report());
  EXPECT_EQ(json["model"], "models/tiny & <small>");
  EXPECT_EQ(json["adapter"], "out/adapter");
  EXPECT_EQ(json["data"], "test.jsonl");
  EXPECT_EQ(json["inference_gate"], "trained");
  EXPECT_DOUBLE_EQ(json["aurac_v1"].get<double>(), 1.3 / 3);
  EXPECT_DOUBLE_EQ(json["aurac_v2"].get<double>(), 0.4);
  EXPECT_DOUBLE_EQ(json["avg"].get<double>(), 0.4);
  ASSERT_EQ(json["rows"].size(), 4u);
  const Json expected = {{"rank", 4},
                         {"loss", 1.0},
                         {"perplexity", std::exp(1.0)},
                         {"token_accuracy", 0.6},
                         {"tokens", 123},
                         {"adapter_parameters", 200},
                         {"seconds", 0.25}};
  EXPECT_EQ(json["rows"][3], expected);
}

TEST(Report, JsonOfTheBaseModelAlone) {
  SweepReport report = example_report();
  report.adapter = "";
  report.result.rows.resize(1);
  const Json json = sweep_json(report);
  EXPECT_TRUE(json["adapter"].is_null());
  EXPECT_TRUE(json["aurac_v1"].is_null());
  EXPECT_TRUE(json["aurac_v2"].is_null());
  EXPECT_TRUE(json["avg"].is_null());
}

TEST(Report, JsonOfAPathThatIsNotUtf8) {
  SweepReport report = example_report();
  report.data = "\xff.jsonl";
  EXPECT_EQ(sweep_json(report)["data"], "\\xff.jsonl");
  EXPECT_NO_THROW(sweep_json(report).dump());
}

TEST(Report, Csv) {
  const auto lines = lines_of(sweep_csv(example_report().result));
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0], "rank,loss,perplexity,token_accuracy,tokens,adapter_parameters,seconds");
  EXPECT_EQ(lines[4], "4,1,2.71828183,0.6,123,200,0.250");
}

TEST(Report, SamplesAreOneObjectALine) {
  SweepResult result;
  result.samples = {{0, 0, 7, 1.5}, {4, 1, 9, 0.25}};
  const auto lines = lines_of(samples_jsonl(result));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(parse_json(lines[1], "samples"),
            Json({{"rank", 4}, {"index", 1}, {"tokens", 9}, {"nll", 0.25}}));
}

TEST(Report, TableIsAlignedAndEndsWithTheAreas) {
  const auto lines = lines_of(sweep_table(example_report().result));
  ASSERT_EQ(lines.size(), 6u);
  for (size_t i = 1; i < 5; ++i) EXPECT_EQ(lines[i].size(), lines[0].size()) << lines[i];
  EXPECT_EQ(lines[5], "AURAC v1 0.4333  v2 0.4000  AVG 0.4000");
}

TEST(Report, WritesItsFiles) {
  const fs::path directory =
      fs::temp_directory_path() / ("matlora_report_test_" + std::to_string(::getpid()));
  fs::create_directories(directory);
  SweepReport report = example_report();
  write_report(directory, report, "adapter", {});
  EXPECT_EQ(read_json(directory / "sweep.json"), sweep_json(report));
  EXPECT_EQ(read_file(directory / "sweep.csv"), sweep_csv(report.result));
  EXPECT_NE(read_file(directory / "sweep.svg").find("adapter on tiny &amp; &lt;small&gt;"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(directory / "samples.jsonl"));
  report.result.samples = {{0, 0, 7, 1.5}};
  const NamedCurve earlier = read_curve(directory, "earlier");
  ASSERT_EQ(earlier.rows.size(), report.result.rows.size());
  EXPECT_EQ(earlier.rows.back().rank, report.result.rows.back().rank);
  EXPECT_EQ(earlier.rows.back().loss, report.result.rows.back().loss);
  write_report(directory, report, "adapter", {&earlier, 1});
  EXPECT_TRUE(fs::exists(directory / "samples.jsonl"));
  EXPECT_NE(read_file(directory / "sweep.svg").find("earlier"), std::string::npos);
  write_file(directory / "sweep.json", "{\"rows\": 3}");
  EXPECT_THROW(read_curve(directory, "earlier"), UserError);
  fs::remove_all(directory);
}

TEST(Curves, OneCurveShowsEveryRankTwice) {
  const NamedCurve curve{"adapter", example_report().result.rows};
  const std::string svg = curves_svg({&curve, 1}, "a < b & \"c\"");
  expect_well_formed(svg);
  for (const int rank : {1, 2, 4}) {
    EXPECT_EQ(occurrences(svg, "rank " + std::to_string(rank) + ": "), 2u) << rank;
    EXPECT_EQ(occurrences(svg, ">" + std::to_string(rank) + "</text>"), 2u) << rank;
  }
  EXPECT_EQ(occurrences(svg, "base model (rank 0): "), 2u);
  EXPECT_EQ(occurrences(svg, "<polyline"), 2u);
  EXPECT_EQ(occurrences(svg, "prefers-color-scheme"), 1u);
}

TEST(Curves, SeveralCurvesHaveALegend) {
  const NamedCurve curves[] = {{"paper", example_report().result.rows},
                               {"trained", {row(3, 1, 1)}}};
  const std::string svg = curves_svg(curves, "two");
  expect_well_formed(svg);
  EXPECT_EQ(occurrences(svg, ">paper</text>"), 1u);
  EXPECT_EQ(occurrences(svg, ">trained</text>"), 1u);
  EXPECT_EQ(occurrences(svg, "trained, rank 3: "), 2u);
}

TEST(Curves, DrawsWhatThereIs) {
  const double infinite = std::numeric_limits<double>::infinity();
  const NamedCurve cases[] = {
      {"nothing", {}},
      {"base only", {row(0, 2, 0.5)}},
      {"one rank", {row(8, 2, 0.5)}},
      {"flat", {row(1, 2, 0), row(2, 2, 0)}},
      {"diverged", {row(0, 2, 0.5), {1, infinite, infinite, 0.5, 1, 1, 1, {}}}},
      {"not a number", {{1, std::nan(""), std::nan(""), 0, 1, 1, 1, {}}}},
  };
  for (const NamedCurve& curve : cases) {
    SCOPED_TRACE(curve.name);
    expect_well_formed(curves_svg({&curve, 1}, "x"));
  }
}

}  // namespace
}  // namespace matlora::eval
