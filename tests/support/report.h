// Reports to be written, with figures made up.
#pragma once

#include <cmath>
#include <string>

#include "matlora/eval/results.h"

namespace matlora::tests {

inline eval::RankScore data_row(int64_t rank, double loss, double accuracy) {
  return {rank, loss, std::exp(loss), accuracy, 123, rank * 50, 0.25, {}, 0.04, 0.01};
}

/// One adapter over data, no tasks.
inline eval::Report data_report() {
  eval::Report report;
  report.model = "models/tiny & <small>";
  report.data = "test.jsonl";
  report.dtype = "float32";
  report.device = "cpu";
  report.examples = 2;
  eval::AdapterSweep sweep{"adapter", "out/adapter", "trained", {}, {}, {}};
  sweep.rows = {data_row(0, 2.5, 0.3), data_row(1, 1.5, 0.2), data_row(2, 1.25, 0.4),
                data_row(4, 1.0, 0.6)};
  report.sweeps = {sweep};
  return report;
}

/// The scores of arc_easy and gsm8k; `good`: the share that is right.
inline std::vector<eval::TaskScore> two_tasks(double good) {
  return {{"arc_easy", 200, {{"acc", good, 0.03}, {"acc_norm", good + 0.01, 0.02}}},
          {"gsm8k",
           1,
           {{"exact_match,strict-match", good / 2, {}},
            {"exact_match,flexible-extract", good / 2 + 0.1, {}}}}};
}

inline void add_tasks(eval::Report& report) {
  report.tasks = {{"arc_easy", "1.0", 0, 200, 1234, 0, 3}, {"gsm8k", "3.0", 5, 1, 1234, 256, 0}};
  for (eval::AdapterSweep& sweep : report.sweeps) {
    for (eval::RankScore& row : sweep.rows) row.tasks = two_tasks(row.token_accuracy);
  }
}

/// The same without data: only tasks.
inline eval::Report task_report() {
  eval::Report report = data_report();
  add_tasks(report);
  report.data = "";
  report.examples = 0;
  for (eval::RankScore& row : report.sweeps.front().rows) {
    row = {row.rank, 0, 1, 0, 0, row.adapter_parameters, row.seconds, row.tasks};
  }
  return report;
}

/// Two adapters, data and tasks.
inline eval::Report full_report() {
  eval::Report report = data_report();
  eval::AdapterSweep other = report.sweeps.front();
  other.name = "other, \"quoted\"";
  other.adapter = "out/other";
  for (eval::RankScore& row : other.rows) row.token_accuracy /= 2;
  report.sweeps.push_back(other);
  add_tasks(report);
  return report;
}

/// Text that would break out of a page that does not escape it.
inline const std::string foreign = "</script><b>&\"'\x01\xff";

/// A curve that rises from `low` to `high` as ranks double up to 32.
inline double rising(double low, double high, int64_t rank) {
  const double share = rank == 0 ? 0 : (std::log2(rank) + 1) / 6;
  return low + (high - low) * (1 - (1 - share) * (1 - share));
}

inline eval::AdapterSweep lifelike_sweep(const std::string& name, double high) {
  eval::AdapterSweep sweep{name, "runs/" + name, "trained", {}, {}, {}};
  for (const int64_t rank : {0, 1, 2, 4, 8, 16, 32}) {
    eval::RankScore row = data_row(rank, rising(1.595, 2.2 - high, rank), rising(0.65, high, rank));
    row.adapter_parameters = rank * 152640;
    row.tokens = 5120;
    row.seconds = 21.4 + static_cast<double>(rank) / 10;
    const double arc = rising(0.41, high - 0.25, rank), gsm8k = rising(0.02, high - 0.6, rank);
    row.tasks = {{"arc_easy", 400, {{"acc", arc, 0.0245}, {"acc_norm", arc - 0.02, 0.0249}}},
                 {"gsm8k",
                  200,
                  {{"exact_match,strict-match", gsm8k, 0.0197},
                   {"exact_match,flexible-extract", gsm8k + 0.015, 0.0211}}}};
    sweep.rows.push_back(row);
    sweep.task_samples.push_back(
        {"gsm8k",
         rank,
         0,
         {{"exact_match,strict-match", rank < 4 ? 0.0 : 1.0, {}}},
         {},
         rank < 4 ? "Janet sells 16 - 3 = 13 eggs a day.\nShe makes 13 * 2 = $26.\n#### 26"
                  : "Janet sells 16 - 3 - 4 = 9 duck eggs a day.\n"
                    "She makes 9 * 2 = $<<9*2=18>>18 every day.\n#### 18"});
    sweep.task_samples.push_back(
        {"gsm8k", rank, 1, {{"exact_match,strict-match", 0, {}}}, {}, foreign});
    sweep.task_samples.push_back(
        {"arc_easy",
         rank,
         5,
         {{"acc", rank < 2 ? 0.0 : 1.0, {}}},
         {-12.25, rank < 2 ? -11.5 : -14.0 - static_cast<double>(rank), -13.125, -20.0},
         ""});
  }
  return sweep;
}

/// What a page should look good with: two adapters, data, two tasks, items.
inline eval::Report lifelike_report() {
  eval::Report report;
  report.model = "models/SmolLM2-135M-Instruct.Q4_1.gguf";
  report.data = "data/gsm8k/test.jsonl";
  report.dtype = "float32";
  report.device = "cpu";
  report.examples = 48;
  report.tasks = {{"arc_easy", "1.0", 0, 400, 1234, 0, 0}, {"gsm8k", "3.0", 5, 200, 1234, 256, 2}};
  report.sweeps = {lifelike_sweep("matryoshka", 0.77), lifelike_sweep("LoRA, cut", 0.75)};
  report.items = {
      {"gsm8k",
       0,
       "Question: Janet’s ducks lay 16 eggs per day. She eats three for breakfast every morning "
       "and "
       "bakes muffins for her friends every day with four. She sells the remainder at the farmers' "
       "market daily for $2 per fresh duck egg. How much in dollars does she make every "
       "day?\nAnswer:",
       {},
       "She sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day.\n#### 18"},
      {"gsm8k", 1, foreign, {}, foreign},
      {"arc_easy",
       5,
       "Question: Which of these turns energy of light into energy of food?\nAnswer:",
       {"a leaf", "a stone that is so long a choice that it has to go on in a second line",
        "a fish", foreign},
       "a leaf"}};
  return report;
}

}  // namespace matlora::tests
