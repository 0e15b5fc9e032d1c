#include "matlora/eval/decision.h"

#include <gtest/gtest.h>

#include "matlora/base/error.h"
#include "matlora/report/decision_text.h"
#include "tests/support/report.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wide_report.h"

namespace matlora::eval {
namespace {

using tests::expect_has;

const Within kOnePercent{0.01, true, "1%"}, kNothing{0, true, "0%"};

/// A task of `scores[rank]`: right or wrong of every document.
using Scores = std::vector<std::pair<int64_t, std::string>>;

Report report_of(const Scores& scores, const std::string& task = "t") {
  Report report;
  report.tasks = {{task, "1.0", 0, 0, 1, 0, 0}};
  report.sweeps = {{"adapter", "out/a", "paper", {}, {}, {}}};
  for (const auto& [rank, right] : scores) {
    std::vector<Part> parts;
    for (size_t i = 0; i < right.size(); ++i) {
      parts.push_back({right[i] == '1' ? 1.0 : 0.0, 1});
      report.sweeps[0].task_samples.push_back(
          {task, rank, static_cast<int64_t>(i), {{"acc", parts.back().score, {}}}, {}, ""});
    }
    Metric metric = ratio(parts);
    metric.name = "acc";
    RankScore row;
    row.rank = rank;
    row.adapter_parameters = rank * 10;
    row.tasks = {{task, static_cast<int64_t>(right.size()), {metric}}};
    report.sweeps[0].rows.push_back(row);
  }
  return report;
}

int64_t taken(const Scores& scores, const Within& within = kOnePercent) {
  const Report report = report_of(scores);
  return choose(facts_of(report, report.sweeps[0]), within).rank;
}

std::string said(const Report& report, const Within& within = kOnePercent) {
  return report::headline(report, report.sweeps[0], facts_of(report, report.sweeps[0]), within)
      .text();
}

std::string open(const Report& report, const Within& within = kOnePercent) {
  return report::undecided_text(facts_of(report, report.sweeps[0]), within);
}

TEST(Decision, TheSmallestThatTheDocumentsCannotTellFromTheBest) {
  // Rank 2 is one document of ten below rank 4: the difference is 0.1 ± 0.1.
  EXPECT_EQ(taken({{0, "1000000000"}, {1, "1100000000"}, {2, "1111110000"}, {4, "1111111000"}}), 2);
  // Four of ten below: 0.4 ± 0.16.
  EXPECT_EQ(taken({{0, "1000000000"}, {2, "1111000000"}, {4, "1111111100"}}), 4);
  // Wider than the error: --within decides.
  EXPECT_EQ(taken({{0, "1000000000"}, {2, "1111000000"}, {4, "1111111100"}}, {0.5, true, "50%"}),
            2);
  EXPECT_EQ(taken({{0, "1000000000"}, {2, "1111000000"}, {4, "1111111100"}}, {0.4, false, "0.4"}),
            2);
}

TEST(Decision, PairsTellApartWhatTwoErrorBarsDoNot) {
  // 0.4 and 0.6 with bars of 0.16 each, but the five that differ all differ the same way.
  const Scores scores = {{0, "0000000000"}, {1, "1111000000"}, {2, "1111110000"}};
  EXPECT_EQ(taken(scores), 2);  // 0.2 ± 0.133
  // The same shares with answers that have nothing to do with each other: 0.2 ± 0.25.
  EXPECT_EQ(taken({{0, "0000000000"}, {1, "0001110001"}, {2, "1111110000"}}), 1);
}

TEST(Decision, NoneWhereNoRankBeatsTheBase) {
  // One document better: 0.1 ± 0.1.
  const Scores scores = {{0, "1110000000"}, {1, "0110000000"}, {2, "1111000000"}};
  EXPECT_EQ(taken(scores), 0);
  const Report report = report_of(scores);
  EXPECT_EQ(said(report),
            "Take none: no rank is better than the base model by more than its error in t acc.");
  EXPECT_EQ(open(report),
            "Rank 2 cannot be told from the base model in t acc with 10 documents; about 11 would "
            "do.");
  EXPECT_EQ(taken({{0, "1111"}, {1, "0000"}, {2, "1000"}}), 0);
  EXPECT_EQ(open(report_of({{0, "1111"}, {1, "0000"}, {2, "1000"}})), "");  // worse is clear
  EXPECT_EQ(taken({{0, "1"}, {1, "1"}, {2, "1"}}), 0);
  EXPECT_EQ(taken({{0, "0"}, {1, "1"}}), 0);  // a single document has no error
}

TEST(Decision, ARankThatIsNoBetterThanTheBaseIsNotTaken) {
  // Rank 1 cannot be told from rank 2 (0.2 ± 0.29), nor from the base.
  EXPECT_EQ(taken({{0, "1100000000"}, {1, "1101100000"}, {2, "1111110000"}}, kNothing), 2);
  const Report report =
      report_of({{0, "1100000000"}, {1, "0011000111"}, {2, "1111110000"}});  // 0.3 ± 0.26
  const auto facts = facts_of(report, report.sweeps[0]);
  EXPECT_EQ(facts[0].at(1)->against, Against::better);
}

TEST(Decision, WithoutTheBaseEveryRankMayBeTaken) {
  const Scores scores = {{1, "1000000000"}, {2, "1111111000"}, {4, "1111111100"}};
  EXPECT_EQ(taken(scores), 2);
  expect_has(said(report_of(scores)), "; the base model was not scored.");
  Report base = report_of({{0, "10"}});
  EXPECT_EQ(said(base), "Only the base model was scored.");
  EXPECT_EQ(open(base), "");
}

TEST(Decision, SaysHowManyDocumentsWouldDo) {
  // Rank 2 and 4: 18 pairs alike, one better, two worse of 20: 0.05 ± 0.0882; 20 · 1.765² = 62.3.
  const Report report = report_of(
      {{0, "00000000000000000000"}, {2, "11111111110000000001"}, {4, "11111111111100000000"}});
  EXPECT_EQ(said(report),
            "Take rank 2 (20 parameters, 1/2 of rank 4’s): the smallest within 1% or one standard "
            "error of the best in t acc; it is better than the base model.");
  EXPECT_EQ(open(report),
            "Ranks 2 and 4 cannot be told apart in t acc with 20 documents; about 63 would do.");
  const auto facts = facts_of(report, report.sweeps[0]);
  EXPECT_EQ(report::undecided_note(facts[0], kOnePercent),
            "≈ rank 4 with 20 documents, about 63 would tell");
  // A difference of less than 10% does not matter then: as near as that is near enough.
  EXPECT_EQ(open(report, {0.1, true, "10%"}), "");
}

TEST(Decision, ByAllMeasuresThatTheAdapterImproves) {
  const Report report = tests::wide_report();
  const auto facts = facts_of(report, report.sweeps[0]);
  ASSERT_EQ(facts.size(), 8u);
  const Choice choice = choose(facts, kOnePercent);
  EXPECT_GT(choice.rank, 0);
  EXPECT_EQ(choice.worse, std::vector<std::string>{"boolq acc"});
  const std::string text = report::headline(report, report.sweeps[0], facts, kOnePercent).text();
  expect_has(text, cat("Take rank ", choice.rank, " of Matryoshka, trained gate ("));
  expect_has(text, " of 8 and worse in 1 (boolq acc).");
  const auto none = facts_of(report, report.sweeps[2]);
  EXPECT_EQ(report::headline(report, report.sweeps[2], none, kOnePercent).text(),
            "Take none of rate too high: no rank is better than the base model by more than its "
            "error in any of the 8 measures.");
}

TEST(Decision, WhereNoRankIsGoodEverywhereTheOneThatIsInMost) {
  Report report = report_of({{0, "0000000000"}, {1, "1111111111"}, {2, "1000000000"}}, "a");
  const Report other = report_of({{0, "0000000000"}, {1, "1110000000"}, {2, "1111111111"}}, "b");
  for (size_t i = 0; i < 3; ++i) {
    report.sweeps[0].rows[i].tasks.push_back(other.sweeps[0].rows[i].tasks[0]);
  }
  for (const TaskSample& sample : other.sweeps[0].task_samples) {
    report.sweeps[0].task_samples.push_back(sample);
  }
  report.tasks.push_back(other.tasks[0]);
  const Choice choice = choose(facts_of(report, report.sweeps[0]), kOnePercent);
  EXPECT_EQ(choice.rank, 1);
  EXPECT_EQ(choice.good, 1u);
  EXPECT_EQ(choice.improved, 2u);
  expect_has(said(report), "of the best in 1 of 2 measures; it is better than the base model in 2");
}

}  // namespace
}  // namespace matlora::eval
