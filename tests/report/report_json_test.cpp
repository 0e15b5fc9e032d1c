// sweep.json
#include <gtest/gtest.h>

#include <cmath>

#include "matlora/base/version.h"
#include "matlora/report/report.h"
#include "tests/support/report.h"

namespace matlora::report {
namespace {

using tests::data_report;
using tests::full_report;
using tests::task_report;

std::vector<std::string> keys_of(const Json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

ReportOptions within(const std::string& text) {
  ReportOptions options;
  options.within = eval::parse_within(text, "--within");
  return options;
}

TEST(ReportJson, HasTheFieldsOfTheDesign) {
  const Json json = sweep_json(data_report());
  EXPECT_EQ(keys_of(json),
            (std::vector<std::string>{"adapter", "aurac_v1", "aurac_v2", "avg", "data", "device",
                                      "dtype", "examples", "format", "format_version",
                                      "inference_gate", "matlora", "model", "rows", "take"}));
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
                         {"loss_stderr", 0.04},
                         {"token_accuracy_stderr", 0.01},
                         {"adapter_parameters", 200},
                         {"seconds", 0.25}};
  EXPECT_EQ(json["rows"][3], expected);
  EXPECT_EQ(json["matlora"]["version"], version());
  EXPECT_EQ(json["matlora"].contains("commit"), !commit().empty());
}

TEST(ReportJson, OfTheBaseModelAlone) {
  eval::Report report = data_report();
  report.sweeps[0].adapter = "";
  report.sweeps[0].rows.resize(1);
  const Json json = sweep_json(report, within("1%"));
  for (const char* key : {"adapter", "aurac_v1", "aurac_v2", "avg"}) {
    EXPECT_TRUE(json.at(key).is_null()) << key;
  }
  EXPECT_EQ(json["smallest_rank"], Json({{"within", "1%"}, {"token_accuracy", nullptr}}));
  EXPECT_TRUE(json.at("take").is_null());
}

TEST(ReportJson, OfTasks) {
  const Json json = sweep_json(task_report(), within("0.25"));
  EXPECT_TRUE(json.at("data").is_null());
  const Json row = {{"rank", 4},
                    {"adapter_parameters", 200},
                    {"seconds", 0.25},
                    {"tasks",
                     {{"arc_easy",
                       {{"n", 200},
                        {"acc", 0.6},
                        {"acc_stderr", 0.03},
                        {"acc_norm", 0.6 + 0.01},
                        {"acc_norm_stderr", 0.02}}},
                      {"gsm8k",
                       {{"n", 1},
                        {"exact_match,strict-match", 0.3},
                        {"exact_match,strict-match_stderr", nullptr},
                        {"exact_match,flexible-extract", 0.4},
                        {"exact_match,flexible-extract_stderr", nullptr}}}}}};
  EXPECT_EQ(json["rows"][3], row);
  const Json arc = {
      {"version", "1.0"}, {"shots", 0}, {"documents", 200}, {"seed", 1234}, {"truncated", 3}};
  EXPECT_EQ(json["tasks"]["arc_easy"], arc);
  EXPECT_EQ(json["tasks"]["gsm8k"]["max_new_tokens"], 256);
  EXPECT_DOUBLE_EQ(json["areas"]["arc_easy"]["acc"]["aurac_v1"].get<double>(), 1.3 / 3);
  EXPECT_DOUBLE_EQ(json["areas"]["gsm8k"]["exact_match,strict-match"]["avg"].get<double>(), 0.2);
  EXPECT_EQ(json["aurac_v1"], json["areas"]["arc_easy"]["acc"]["aurac_v1"]);
  const Json smallest = {
      {"within", "0.25"},
      {"tasks",
       {{"arc_easy", {{"acc", 2}, {"acc_norm", 2}}},
        {"gsm8k", {{"exact_match,strict-match", 1}, {"exact_match,flexible-extract", 1}}}}}};
  EXPECT_EQ(json["smallest_rank"], smallest);
}

TEST(ReportJson, OfDataAndTasksHasItsAreasOverTokenAccuracy) {
  eval::Report report = data_report();
  tests::add_tasks(report);
  report.sweeps[0].rows[3].tasks[0].metrics[0].value = 0;
  const Json json = sweep_json(report, within("1%"));
  EXPECT_DOUBLE_EQ(json["aurac_v1"].get<double>(), 1.3 / 3);
  EXPECT_NE(json["areas"]["arc_easy"]["acc"]["aurac_v1"], json["aurac_v1"]);
  EXPECT_EQ(json["smallest_rank"]["token_accuracy"], 4);
  EXPECT_EQ(json["smallest_rank"]["tasks"]["arc_easy"]["acc"], 2);
}

TEST(ReportJson, SaysWhichRankToTake) {
  eval::Report report = data_report();
  EXPECT_EQ(sweep_json(report)["take"],
            Json({{"within", "1%"}, {"rank", 4}, {"token_accuracy", 4}}));
  EXPECT_EQ(sweep_json(report, within("0.2"))["take"],
            Json({{"within", "0.2"}, {"rank", 2}, {"token_accuracy", 2}}));
  tests::add_tasks(report);
  report.sweeps[0].rows[0].tasks[0].metrics[0].value = 0.9;  // the base is better
  const Json take = sweep_json(report)["take"];
  EXPECT_EQ(take["tasks"]["arc_easy"]["acc"], 0);
  EXPECT_EQ(take["rank"], 4);
}

TEST(ReportJson, OfSeveralSweeps) {
  const Json json = sweep_json(full_report(), within("1%"));
  EXPECT_EQ(keys_of(json),
            (std::vector<std::string>{"data", "device", "dtype", "examples", "format",
                                      "format_version", "matlora", "model", "sweeps", "tasks"}));
  ASSERT_EQ(json["sweeps"].size(), 2u);
  EXPECT_EQ(keys_of(json["sweeps"][1]),
            (std::vector<std::string>{"adapter", "areas", "aurac_v1", "aurac_v2", "avg",
                                      "inference_gate", "name", "rows", "smallest_rank", "take"}));
  EXPECT_EQ(json["sweeps"][1]["name"], "other, \"quoted\"");
  EXPECT_DOUBLE_EQ(json["sweeps"][1]["avg"].get<double>(), 0.2);
}

TEST(ReportJson, OfAPathThatIsNotUtf8) {
  eval::Report report = data_report();
  report.data = "\xff.jsonl";
  EXPECT_EQ(sweep_json(report)["data"], "\\xff.jsonl");
  EXPECT_NO_THROW(sweep_json(report).dump());
}
}  // namespace
}  // namespace matlora::report
