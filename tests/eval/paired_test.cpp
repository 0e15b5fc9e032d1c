#include "matlora/eval/paired.h"

#include <gtest/gtest.h>

#include <cmath>

#include "matlora/base/error.h"
#include "tests/support/report.h"

namespace matlora::eval {
namespace {

// Expected values: Python's statistics module,
//   se = sqrt(n * variance([y - R * t ..])) / sum(t), R = sum(y) / sum(t)
const std::vector<double> kNll = {104.1, 20.5, 77.0, 12.25}, kOther = {100.0, 22.5, 70.0, 12.0};
const std::vector<int64_t> kTokens = {93, 31, 60, 10};

/// Two ranks, 1 and 2, of four examples; the base model's figures are those of rank 1.
Report four_examples() {
  Report report = tests::data_report();
  AdapterSweep& sweep = report.sweeps[0];
  sweep.rows.resize(3);
  for (size_t i = 0; i < 4; ++i) {
    const auto index = static_cast<int64_t>(i);
    sweep.samples.push_back({0, index, kTokens[i], kNll[i], 3});
    sweep.samples.push_back({1, index, kTokens[i], kNll[i], 3});
    sweep.samples.push_back({2, index, kTokens[i], kOther[i], i < 2 ? 4 : 3});
  }
  for (RankScore& row : sweep.rows) {
    row.loss = (row.rank == 2 ? 204.5 : 213.85) / 194;
    row.tokens = 194;
    row.token_accuracy = (row.rank == 2 ? 14.0 : 12.0) / 194;
  }
  return report;
}

TEST(Paired, AMeanHasTheUsualStandardError) {
  std::vector<Part> parts;
  for (const double score : {1, 1, 0, 1, 1, 0, 1, 1, 0, 1}) parts.push_back({score, 1});
  const Metric metric = ratio(parts);
  EXPECT_DOUBLE_EQ(metric.value, 0.7);
  EXPECT_NEAR(*metric.standard_error, 0.15275252316519466, 1e-15);
}

TEST(Paired, ARatioCountsExamplesByTheirTokens) {
  std::vector<Part> parts;
  for (size_t i = 0; i < 4; ++i) parts.push_back({kNll[i], static_cast<double>(kTokens[i])});
  const Metric metric = ratio(parts);
  EXPECT_NEAR(metric.value, 1.102319587628866, 1e-15);
  EXPECT_NEAR(*metric.standard_error, 0.10460972403385471, 1e-14);
  EXPECT_FALSE(ratio(std::vector<Part>{{3, 2}}).standard_error);
  EXPECT_EQ(ratio(std::vector<Part>{{3, 2}}).value, 1.5);
  EXPECT_THROW(ratio({}), BugError);
}

TEST(Paired, SetsTheErrorsOfARow) {
  RankScore row;
  std::vector<Sample> samples;
  for (size_t i = 0; i < 4; ++i) {
    samples.push_back({1, static_cast<int64_t>(i), kTokens[i], kNll[i], kTokens[i] / 2});
  }
  samples.push_back({1, 4, 0, 0, 0});  // without a label token it says nothing
  set_errors(row, samples);
  EXPECT_NEAR(*row.loss_error, 0.10460972403385471, 1e-14);
  ASSERT_TRUE(row.token_accuracy_error);
  EXPECT_LT(*row.token_accuracy_error, 0.01);
  RankScore single;
  set_errors(single, {samples.begin(), samples.begin() + 1});
  EXPECT_FALSE(single.loss_error);
  set_errors(single, {});
  EXPECT_FALSE(single.loss_error);
}

TEST(Paired, DifferencesAreTakenExampleByExample) {
  const Report report = four_examples();
  const Comparison loss(report, report.sweeps[0], {"", "loss"});
  const auto found = loss.difference(1, 2);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->documents, 4);
  EXPECT_NEAR(found->value, 0.04819587628865976, 1e-12);
  EXPECT_NEAR(*found->standard_error, 0.03221058722271732, 1e-12);  // 0.128 were they not paired
  EXPECT_TRUE(is_clear(*found));
  const auto none = loss.difference(0, 1);
  EXPECT_EQ(none->value, 0);
  EXPECT_EQ(none->standard_error, 0);
  EXPECT_FALSE(is_clear(*none));
  EXPECT_FALSE(loss.difference(0, 64));
  const Comparison accuracy(report, report.sweeps[0], {"", "token_accuracy"});
  EXPECT_NEAR(accuracy.difference(2, 1)->value, 2.0 / 194, 1e-12);
}

TEST(Paired, DocumentsOfATask) {
  Report report = tests::task_report();
  AdapterSweep& sweep = report.sweeps[0];
  const double a[] = {1, 1, 0, 1, 1, 0, 1, 1, 0, 1}, b[] = {1, 0, 0, 1, 0, 0, 1, 1, 1, 1};
  for (int64_t i = 9; i >= 0; --i) {  // found by their index, in any order
    sweep.task_samples.push_back({"arc_easy", 4, i, {{"acc", a[i], {}}}, {}, ""});
    sweep.task_samples.push_back({"arc_easy", 2, 9 - i, {{"acc", b[9 - i], {}}}, {}, ""});
  }
  for (RankScore& row : sweep.rows) row.tasks[0].documents = 10;
  sweep.rows[2].tasks[0].metrics[0].value = 0.6;
  sweep.rows[3].tasks[0].metrics[0].value = 0.7;
  const Comparison comparison(report, sweep, {"arc_easy", "acc"});
  const auto found = comparison.difference(4, 2);
  EXPECT_EQ(found->documents, 10);
  EXPECT_NEAR(found->value, 0.1, 1e-12);
  EXPECT_NEAR(*found->standard_error, 0.17950549357115014, 1e-15);
  EXPECT_FALSE(is_clear(*found));
  // A part of the documents, others, or none: both errors as if the ranks had nothing to do with
  // each other.
  sweep.task_samples.pop_back();
  const Comparison apart(report, sweep, {"arc_easy", "acc"});
  EXPECT_EQ(apart.difference(4, 2)->documents, 0);
  EXPECT_NEAR(*apart.difference(4, 2)->standard_error, std::sqrt(2.0) * 0.03, 1e-12);
  sweep.task_samples.pop_back();  // both have nine of ten
  EXPECT_EQ(Comparison(report, sweep, {"arc_easy", "acc"}).difference(4, 2)->documents, 0);
}

TEST(Paired, AGroupHasTheDocumentsOfItsParts) {
  Report report = tests::task_report();
  report.tasks = {{"mmlu_a", "1.0", 5, 2, 1, 0, 0}, {"mmlu_b", "1.0", 5, 1, 1, 0, 0}};
  AdapterSweep& sweep = report.sweeps[0];
  for (RankScore& row : sweep.rows) row.tasks = {{"mmlu", 3, {{"acc", 1.0 / 3, 0.3}}}};
  for (const int64_t rank : {0, 1}) {
    for (const char* task : {"mmlu_a", "mmlu_b", "mmluxa"}) {
      sweep.task_samples.push_back({task, rank, 0, {{"acc", 1, {}}}, {}, ""});
    }
    sweep.task_samples.push_back({"mmlu_a", rank, 1, {{"acc", 0, {}}}, {}, ""});
  }
  EXPECT_EQ(Comparison(report, sweep, {"mmlu", "acc"}).difference(1, 0)->documents, 3);
  EXPECT_EQ(Comparison(report, sweep, {"mmlu", "acc"}).difference(2, 0)->documents, 0);
}

TEST(Paired, HowManyDocumentsWouldDo) {
  // 20 · (0.08 / 0.02)² = 320, 20 · (0.08 / 0.0201)² = 316.8
  const Difference difference{0.01, 0.08, 20};
  EXPECT_EQ(documents_needed(difference, 0.02), 320);
  EXPECT_EQ(documents_needed(difference, 0.0201), 320);  // two digits, rounded up
  EXPECT_EQ(documents_needed(difference, 0.08), 21);     // 20 were not enough
  EXPECT_FALSE(documents_needed(difference, 0));
  EXPECT_FALSE(documents_needed({0.01, 0.0, 20}, 0.02));
  EXPECT_FALSE(documents_needed({0.01, {}, 20}, 0.02));
  EXPECT_FALSE(documents_needed({0.01, 0.08, 0}, 0.02));
  EXPECT_FALSE(documents_needed(difference, 1e-9));  // more than anybody has
}

}  // namespace
}  // namespace matlora::eval
