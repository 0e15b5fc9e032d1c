// Three adapters and eight measures with every document's score: what a page must stay readable
// with. One adapter is good, one equals it up to rank 4, one is nowhere better than the base.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "matlora/eval/paired.h"
#include "matlora/eval/results.h"

namespace matlora::tests {

/// In 0..1, the same for the same numbers.
inline double hashed(uint64_t a, uint64_t b, uint64_t c) {
  uint64_t x = a * 0x9e3779b97f4a7c15u + b * 0xbf58476d1ce4e5b9u + c * 0x94d049bb133111ebu + 1;
  for (int i = 0; i < 3; ++i) x ^= x >> 29, x *= 0xbf58476d1ce4e5b9u, x ^= x >> 32;
  return static_cast<double>(x >> 11) / 9007199254740992.0;
}

struct WideTask {
  const char *name, *metric;
  int64_t documents;
  double base, gain;  // share that is right, and what the good adapter adds
};

inline const std::vector<WideTask>& wide_tasks() {
  static const std::vector<WideTask> tasks = {{"arc_easy", "acc", 200, 0.41, 0.12},
                                              {"arc_challenge", "acc", 100, 0.24, 0.05},
                                              {"hellaswag", "acc", 300, 0.34, 0.04},
                                              {"winogrande", "acc", 100, 0.5, 0.02},
                                              {"piqa", "acc", 100, 0.61, 0.03},
                                              {"boolq", "acc", 200, 0.55, -0.12},
                                              {"gsm8k", "exact_match,strict-match", 20, 0.02, 0.3}};
  return tasks;
}

/// How much of what can be learned is there at a rank, 0..1.
inline double wide_share(int64_t rank) {
  const double share = rank == 0 ? 0 : (std::log2(rank) + 1) / 6;
  return 1 - (1 - share) * (1 - share);
}

inline eval::TaskScore wide_task(const WideTask& task, uint64_t seed, double strength, int64_t rank,
                                 std::vector<eval::TaskSample>& samples) {
  const double gain = strength < 0 ? strength * std::abs(task.gain) : strength * task.gain;
  const double share = std::clamp(task.base + gain * wide_share(rank), 0.0, 1.0);
  std::vector<eval::Part> parts;
  for (int64_t i = 0; i < task.documents; ++i) {
    const auto document = static_cast<uint64_t>(i);
    const double noise = rank == 0 || strength < 0
                             ? 0
                             : 0.06 * (hashed(seed, document, static_cast<uint64_t>(rank)) - 0.5);
    const double score = hashed(seed, document, 0) + noise < share ? 1 : 0;
    parts.push_back({score, 1});
    eval::TaskSample sample{task.name, rank, i, {{task.metric, score, {}}}, {}, ""};
    if (task.metric[0] == 'a') {
      sample.log_likelihoods = {-10.5, score == 1 ? -9.0 : -11.0, -12.25, -13.5};
    } else {
      sample.response =
          "First she counts what is left: 16 - 3 - 4 = 9.\nThen she sells them at $2 "
          "each.\n" +
          std::string(rank < 4 ? "So that is 9 + 2 = 11.\n#### 11"
                               : "So that is 9 * 2 = <<9*2=18>>18.\n#### 18");
      if (rank == 32) {
        for (int line = 1; line < 12; ++line) {
          sample.response += "\nStep " + std::to_string(line) + ": she thinks about it once more.";
        }
      }
    }
    samples.push_back(std::move(sample));
  }
  eval::Metric metric = eval::ratio(parts);
  metric.name = task.metric;
  return {task.name, task.documents, {metric}};
}

inline void wide_data(int64_t rank, double strength, eval::RankScore& row,
                      std::vector<eval::Sample>& samples) {
  const size_t first = samples.size();
  const double share = strength * wide_share(rank);
  for (uint64_t i = 0; i < 48; ++i) {
    const auto tokens = static_cast<int64_t>(60 + 90 * hashed(7, i, 1));
    const double hard = 0.75 + 0.5 * hashed(7, i, 2);
    const double nll = (1.6 - 0.75 * share) * hard * static_cast<double>(tokens);
    const double right = (0.65 + 0.12 * share) * (1.15 - 0.15 * hard);
    samples.push_back({rank, static_cast<int64_t>(i), tokens, nll,
                       std::llround(right * static_cast<double>(tokens))});
    row.tokens += tokens;
    row.loss += nll;
    row.token_accuracy += static_cast<double>(samples.back().correct);
  }
  row.loss /= static_cast<double>(row.tokens);
  row.token_accuracy /= static_cast<double>(row.tokens);
  row.perplexity = std::exp(row.loss);
  eval::set_errors(row, {samples.begin() + static_cast<std::ptrdiff_t>(first), samples.end()});
}

/// `strength(rank)`: 1 is the good adapter.
template <class Strength>
eval::AdapterSweep wide_sweep(const std::string& name, Strength strength) {
  eval::AdapterSweep sweep{name, "runs/" + name, "trained", {}, {}, {}};
  for (const int64_t rank : {0, 1, 2, 4, 8, 16, 32}) {
    eval::RankScore row;
    row.rank = rank;
    row.adapter_parameters = rank * 152640;
    row.seconds = 21.4 + static_cast<double>(rank) / 10;
    wide_data(rank, strength(rank), row, sweep.samples);
    uint64_t seed = 100;
    for (const WideTask& task : wide_tasks()) {
      row.tasks.push_back(wide_task(task, ++seed, strength(rank), rank, sweep.task_samples));
    }
    sweep.rows.push_back(std::move(row));
  }
  return sweep;
}

inline eval::Report wide_report() {
  eval::Report report;
  report.model = "models/SmolLM2-135M-Instruct.Q4_1.gguf";
  report.data = "data/gsm8k/test.jsonl";
  report.dtype = "float32";
  report.device = "cpu";
  report.examples = 48;
  for (const WideTask& task : wide_tasks()) {
    const bool generated = task.metric[0] != 'a';
    report.tasks.push_back(
        {task.name, "1.0", generated ? 5 : 0, task.documents, 1234, generated ? 256 : 0, 0});
    eval::TaskItem item{task.name,
                        0,
                        "Question: Which of these is it, and how many?\nAnswer:",
                        {"none", "this one", "that one", "all of them"},
                        "this one",
                        1};
    if (generated) item.choices.clear();
    report.items.push_back(item);
  }
  report.sweeps = {wide_sweep("Matryoshka, trained gate", [](int64_t) { return 1.0; }),
                   wide_sweep("LoRA, cut", [](int64_t rank) { return rank <= 4 ? 1.0 : 0.8; }),
                   wide_sweep("rate too high", [](int64_t) { return -0.3; })};
  return report;
}

}  // namespace matlora::tests
