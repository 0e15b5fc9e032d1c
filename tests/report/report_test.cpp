#include "matlora/report/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/report/markup.h"
#include "tests/support/markup.h"
#include "tests/support/report.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wide_report.h"

namespace matlora::report {
namespace {

using tests::data_report;
using tests::expect_has;
using tests::full_report;
using tests::occurrences;
using tests::task_report;
using tests::user_error;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

ReportOptions within(const std::string& text) {
  ReportOptions options;
  options.within = eval::parse_within(text, "--within");
  return options;
}

TEST(Report, Csv) {
  const auto lines = lines_of(sweep_csv(data_report()));
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0],
            "rank,loss,perplexity,token_accuracy,tokens,loss_stderr,token_accuracy_stderr,"
            "adapter_parameters,seconds");
  EXPECT_EQ(lines[4], "4,1,2.71828183,0.6,123,0.04,0.01,200,0.250");
}

TEST(Report, CsvOfTasksAndSeveralSweeps) {
  const auto tasks = lines_of(sweep_csv(task_report()));
  EXPECT_EQ(tasks[0],
            "rank,adapter_parameters,seconds,arc_easy acc,arc_easy acc stderr,arc_easy acc_norm,"
            "arc_easy acc_norm stderr,\"gsm8k exact_match,strict-match\","
            "\"gsm8k exact_match,strict-match stderr\",\"gsm8k exact_match,flexible-extract\","
            "\"gsm8k exact_match,flexible-extract stderr\"");
  EXPECT_EQ(tasks[4], "4,200,0.250,0.6,0.03,0.61,0.02,0.3,,0.4,");
  const auto both = lines_of(sweep_csv(full_report()));
  ASSERT_EQ(both.size(), 9u);
  EXPECT_TRUE(both[0].starts_with("sweep,rank,loss,"));
  EXPECT_TRUE(both[1].starts_with("adapter,0,2.5,"));
  EXPECT_TRUE(both[8].starts_with("\"other, \"\"quoted\"\"\",4,1,"));
}

TEST(Report, SamplesAreOneObjectALine) {
  eval::Report report = data_report();
  report.sweeps[0].samples = {{0, 0, 7, 1.5, 3}, {4, 1, 9, 0.25, 9}};
  report.sweeps[0].task_samples = {
      {"arc_easy", 4, 7, {{"acc", 1, {}}, {"acc_norm", 0, {}}}, {-1.5, -2}, ""},
      {"gsm8k", 4, 0, {{"exact_match,strict-match", 0, {}}}, {}, "a\nb"}};
  const auto lines = lines_of(samples_jsonl(report));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[1], R"({"rank":4,"index":1,"tokens":9,"nll":0.25,"correct":9})");
  EXPECT_EQ(lines[2], R"({"task":"arc_easy","rank":4,"index":7,)"
                      R"("metrics":{"acc":1.0,"acc_norm":0.0},"loglikelihoods":[-1.5,-2.0]})");
  EXPECT_EQ(lines[3], R"({"task":"gsm8k","rank":4,"index":0,)"
                      R"("metrics":{"exact_match,strict-match":0.0},"response":"a\nb"})");
  report.sweeps.push_back(report.sweeps[0]);
  report.sweeps[1].name = "other";
  const auto both = lines_of(samples_jsonl(report));
  ASSERT_EQ(both.size(), 8u);
  EXPECT_EQ(both[0], R"({"sweep":"adapter","rank":0,"index":0,"tokens":7,"nll":1.5,"correct":3})");
  EXPECT_TRUE(both[7].starts_with(R"({"sweep":"other","task":"gsm8k",)")) << both[7];
}

size_t widest(const std::vector<std::string>& lines) {
  size_t most = 0;
  for (const std::string& line : lines) {
    if (!line.starts_with("  matlora slice ")) most = std::max(most, letters(line));
  }
  return most;
}

ReportOptions columns(size_t width) {
  ReportOptions options;
  options.width = width;
  return options;
}

TEST(Report, TableOfOneMeasure) {
  ReportOptions options = within("34%");
  options.directory = "out/sweep";
  const auto lines = lines_of(sweep_table(data_report(), options));
  ASSERT_EQ(lines.size(), 12u);
  EXPECT_EQ(lines[0], "rank             loss   token accuracy  parameters  seconds");
  EXPECT_EQ(lines[4], "   4  1.0000 ± 0.0400  0.6000 ± 0.0100         200      0.2");
  EXPECT_EQ(lines[6], "AURAC v1 0.4333  v2 0.4000  AVG 0.4000");
  EXPECT_EQ(
      lines[7] + " " + lines[8],
      "Take rank 2 (100 parameters, 1/2 of rank 4’s): the smallest within 34% or one standard "
      "error of the best in token accuracy; it is better than the base model.");
  EXPECT_EQ(lines[9], "  matlora slice --adapter out/adapter --rank 2 --output out/adapter-r2");
  EXPECT_EQ(lines[10], "every measure: out/sweep/sweep.csv");
  EXPECT_EQ(lines[11], "curves and answers: out/sweep/report.html");
}

TEST(Report, TableHasOneMeasureOfATask) {
  const auto lines = lines_of(sweep_table(task_report()));
  EXPECT_EQ(lines[0], "                              gsm8k");
  EXPECT_EQ(lines[1], "             arc_easy  exact_match,");
  EXPECT_EQ(lines[2], "rank              acc  strict-match  parameters  seconds");
  EXPECT_EQ(lines[6], "   4  0.6000 ± 0.0300        0.3000         200      0.2");
  EXPECT_EQ(lines[8], "AURAC         v1      v2     AVG");
  EXPECT_EQ(lines[10], "gsm8k     0.2167  0.2000  0.2000");
  const std::string text = sweep_table(task_report());
  EXPECT_EQ(occurrences(text, "acc_norm") + occurrences(text, "flexible"), 0u);
  const std::string both = sweep_table(full_report());
  EXPECT_TRUE(both.starts_with("adapter\n"));
  EXPECT_EQ(occurrences(both, "\nother, \"quoted\"\n"), 1u);
}

TEST(Report, TableFitsTheTerminal) {
  const eval::Report report = tests::wide_report();
  for (const size_t width : {30, 40, 60, 80, 100, 200}) {
    SCOPED_TRACE(width);
    const auto lines = lines_of(sweep_table(report, columns(width)));
    EXPECT_LE(widest(lines), width);
    size_t heads = 0, rows = 0;
    for (const std::string& line : lines) {
      heads += line.starts_with("rank  ");
      rows += line.starts_with("  32 ");
      EXPECT_FALSE(line.ends_with(' ')) << line;
    }
    EXPECT_EQ(heads, rows);  // every block names the ranks
    EXPECT_EQ(heads, 3u * (width == 30 ? 10 : width == 40 ? 6 : width == 200 ? 1 : heads / 3));
  }
  // Every measure is there at any width.
  for (const size_t width : {40, 100}) {
    const std::string text = sweep_table(report, columns(width));
    for (const tests::WideTask& task : tests::wide_tasks()) {
      EXPECT_GE(occurrences(text, task.name), 6u) << task.name;
    }
  }
}

TEST(Report, PartsOfAGroupAreNeitherDrawnNorInTheTable) {
  eval::Report report = task_report();
  report.tasks = {{"mmlu_anatomy", "1.0", 5, 3, 1234, 0, 0},
                  {"mmlu_virology", "1.0", 5, 2, 1, 0, 0}};
  for (eval::RankScore& row : report.sweeps[0].rows) {
    row.tasks = {{"mmlu", 5, {{"acc", 0.3, 0.1}}},
                 {"mmlu_anatomy", 3, {{"acc", 0.4, 0.1}}},
                 {"mmlu_virology", 2, {{"acc", 0.2, 0.1}}}};
  }
  EXPECT_EQ(sweep_figure(report).panels.size(), 1u);
  EXPECT_EQ(sweep_figure(report).panels[0].title, "mmlu");
  EXPECT_EQ(occurrences(sweep_table(report), "anatomy"), 0u);
  expect_has(sweep_csv(report), "mmlu_virology acc");
  const Json json = sweep_json(report);
  EXPECT_EQ(json["aurac_v1"].get<double>(), 0.3);
  EXPECT_TRUE(json["areas"].contains("mmlu_anatomy"));
}

TEST(Report, FigureHasAPanelForEveryTask) {
  const Figure figure = sweep_figure(full_report());
  ASSERT_EQ(figure.panels.size(), 4u);
  EXPECT_EQ(figure.title, "tiny & <small>");
  EXPECT_EQ(figure.panels[0].title, "Token accuracy");
  EXPECT_EQ(figure.panels[1].axis, "nats per label token ± standard error");
  EXPECT_EQ(figure.panels[0].least, 0);
  EXPECT_EQ(figure.panels[0].most, 1);
  EXPECT_TRUE(std::isinf(figure.panels[1].most));
  EXPECT_EQ(figure.panels[2].title, "arc_easy");
  EXPECT_EQ(figure.panels[2].axis, "acc ± standard error");
  EXPECT_EQ(figure.panels[3].axis, "exact_match,strict-match");
  ASSERT_EQ(figure.panels[2].curves.size(), 2u);
  EXPECT_EQ(figure.panels[2].curves[1].name, "other, \"quoted\"");
  EXPECT_EQ(figure.panels[2].curves[1].points[3].standard_error, 0.03);
  EXPECT_EQ(sweep_figure(task_report()).panels.size(), 2u);
  EXPECT_EQ(sweep_figure(data_report()).title, "adapter on tiny & <small>");
}

TEST(Report, WritesItsFiles) {
  const tests::TempDir directory;
  const fs::path& path = directory.path();
  eval::Report report = data_report();
  write_report(path, report);
  EXPECT_EQ(read_json(path / "sweep.json"), sweep_json(report));
  EXPECT_EQ(read_file(path / "sweep.csv"), sweep_csv(report));
  expect_has(read_file(path / "sweep.svg"), "adapter on tiny &amp; &lt;small&gt;");
  expect_has(read_file(path / "report.html"), "adapter on tiny &amp; &lt;small&gt;");
  EXPECT_FALSE(fs::exists(path / "samples.jsonl"));
  report.sweeps[0].samples = {{0, 0, 7, 1.5, 3}};
  ReportOptions options;
  options.samples = false;
  options.earlier = read_sweeps(path, "earlier");
  write_report(path, report, options);
  EXPECT_FALSE(fs::exists(path / "samples.jsonl"));
  expect_has(read_file(path / "sweep.svg"), "earlier");
  expect_has(read_file(path / "report.html"), "earlier");
  write_report(path, report);
  EXPECT_TRUE(fs::exists(path / "samples.jsonl"));
}

TEST(Report, ReadsEarlierSweeps) {
  const tests::TempDir directory;
  const eval::Report report = full_report();
  directory.write("sweep.json", pretty(sweep_json(report)));
  const auto both = read_sweeps(directory.path(), "old");
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].name, "old: adapter");
  const eval::RankScore &found = both[0].rows.back(), &expected = report.sweeps[0].rows.back();
  EXPECT_EQ(found.rank, expected.rank);
  EXPECT_EQ(found.loss, expected.loss);
  EXPECT_EQ(found.tokens, expected.tokens);
  EXPECT_EQ(found.loss_error, 0.04);
  EXPECT_EQ(found.token_accuracy_error, 0.01);
  ASSERT_EQ(found.tasks.size(), 2u);
  EXPECT_EQ(found.tasks[0].metrics[0].standard_error, 0.03);
  // Its tasks are drawn too.
  const Figure figure = sweep_figure(task_report(), both);
  ASSERT_EQ(figure.panels[1].curves.size(), 3u);
  EXPECT_EQ(figure.panels[1].curves[1].points.size(), 4u);

  directory.write("sweep.json", pretty(sweep_json(task_report())));
  const auto one = read_sweeps(directory.path(), "old");
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].name, "old");
  EXPECT_EQ(one[0].rows.back().tokens, 0);
  EXPECT_EQ(sweep_figure(data_report(), one).panels[0].curves[1].points.size(), 0u);
}

TEST(Report, VersionsOfASweep) {
  const tests::TempDir directory;
  Json sweep = sweep_json(data_report());
  EXPECT_EQ(sweep["format_version"], 1);
  for (const Json& version : {Json(2), Json(99), Json(0), Json("1"), Json()}) {
    sweep["format_version"] = version;
    directory.write("sweep.json", pretty(sweep));
    expect_has(user_error([&] { read_sweeps(directory.path(), "x"); }), "'format_version'");
  }
  sweep["format_version"] = 2;
  sweep["rows"] = 3;  // what a newer version may have
  directory.write("sweep.json", pretty(sweep));
  expect_has(user_error([&] { read_sweeps(directory.path(), "x"); }),
             "sweep.json: 'format_version': expected 1, got 2; a newer matlora wrote it");
  sweep = sweep_json(data_report());
  sweep.erase("format_version");
  directory.write("sweep.json", pretty(sweep));
  expect_has(user_error([&] { read_sweeps(directory.path(), "x"); }),
             "'format_version' is missing");
  sweep.erase("format");  // as the first builds wrote it
  directory.write("sweep.json", pretty(sweep));
  EXPECT_EQ(read_sweeps(directory.path(), "x").size(), 1u);
  expect_has(user_error([&] { read_sweeps(directory.path() / "sweep.json", "x"); }), "got a file");
  fs::remove(directory.path() / "sweep.json");
  expect_has(user_error([&] { read_sweeps(directory.path(), "x"); }), "got an empty directory");
}

TEST(Report, RefusesWhatIsNoSweep) {
  const tests::TempDir directory;
  const auto refusal = [&](const std::string& text) {
    directory.write("sweep.json", text);
    return user_error([&] { read_sweeps(directory.path(), "x"); });
  };
  expect_has(refusal("{\"rows\": 3}"), "'rows': expected a list");
  expect_has(refusal("{\"rows\": [{\"rank\": 1}]}"), "'loss' is missing");
  expect_has(refusal("{\"rows\": [{\"rank\": -1}]}"), "'rank': expected an integer");
  expect_has(refusal("{\"rows\": [{\"rank\": 1, \"tasks\": {\"a\": {\"acc\": \"x\"}}}]}"), "'acc'");
  const std::string row = "{\"rank\": 1, \"loss\": 1, \"token_accuracy\": 1}";
  expect_has(refusal("{\"rows\": [" + row + "," + row + "]}"), "rank 1 is there twice");
  expect_has(refusal("{\"sweeps\": 3}"), "'sweeps': expected a list");
  EXPECT_THROW(read_sweeps(directory.path() / "none", "x"), UserError);
}

}  // namespace
}  // namespace matlora::report
