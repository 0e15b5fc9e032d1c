// What a sweep finds: scores of every rank of one adapter or several, for reports to show.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace matlora::eval {

/// A mean over a task's documents, under lm-evaluation-harness's name: acc, acc_norm,
/// "exact_match,strict-match", ..
struct Metric {
  std::string name;
  double value = 0;                      // 0..1
  std::optional<double> standard_error;  // none for a single document
};

struct TaskScore {
  std::string task;
  int64_t documents = 0;
  std::vector<Metric> metrics;  // the first one is the one to draw
};

/// Scores of one rank.
struct RankScore {
  int64_t rank = 0;
  // Teacher-forced, over all examples; tokens 0: there were none.
  double loss = 0;                 // nats per label token
  double perplexity = 1;           // exp(loss)
  double token_accuracy = 0;       // label tokens that are the model's first choice, 0..1
  int64_t tokens = 0;              // label tokens that were scored
  int64_t adapter_parameters = 0;  // numbers in the first `rank` directions of A and B
  double seconds = 0;              // wall-clock
  std::vector<TaskScore> tasks;    // the same ones, in the same order, for every rank
  // Standard errors over examples, see paired.h; none for a single example.
  std::optional<double> loss_error = {}, token_accuracy_error = {};
  std::string adapter = {};  // directory that this rank is from; "": AdapterSweep::adapter
};

/// Teacher-forced scores of one example at one rank.
struct Sample {
  int64_t rank = 0;
  int64_t index = 0;    // of the example, in the order of the data file
  int64_t tokens = 0;   // label tokens
  double nll = 0;       // nats, summed over them
  int64_t correct = 0;  // label tokens that are the model's first choice
};

/// What became of one document of a task at one rank.
struct TaskSample {
  std::string task;
  int64_t rank = 0, index = 0;          // index: in the order of the task's file
  std::vector<Metric> metrics;          // of this document alone
  std::vector<double> log_likelihoods;  // nats, of each choice; empty for a generation
  std::string response;                 // of a generation, valid UTF-8
};

/// One adapter, or the base model alone.
struct AdapterSweep {
  std::string name;                      // for legends
  std::string adapter;                   // path as given; "": none
  std::string inference_gate;            // paper, trained
  std::vector<RankScore> rows;           // by ascending rank
  std::vector<Sample> samples;           // by rank, then by index; empty unless asked for
  std::vector<TaskSample> task_samples;  // the same
  bool gate_given = false;               // inference_gate is not what the adapter records
  /// Where rank k means ranks per layer of the same size: the command that makes them, without
  /// --parameters and --output. "": a rank is the same everywhere, and `slice` makes it.
  std::string budget = {};
  /// File of ranks per module, where rank k is only of modules that it does not name. "": none.
  std::string rank_pattern = {};
};

/// How a task was run, so that its figures can be cited.
struct TaskProtocol {
  std::string name, version;
  int64_t shots = 0, documents = 0;
  uint64_t seed = 0;           // of the examples that are drawn
  int64_t max_new_tokens = 0;  // 0: scored by log-likelihood
  int64_t truncated = 0;       // prompts that were cut from the left to the model's context
};

/// A document that a report shows with what the ranks made of it.
struct TaskItem {
  std::string task;
  int64_t index = 0;
  std::string prompt;                // without the examples before it
  std::vector<std::string> choices;  // empty for a generation
  std::string reference;             // the right answer
  int64_t gold = 0;                  // its place among the choices
};

struct Report {
  std::string model, data;  // paths as given; data "": no teacher-forced scores
  std::string dtype, device;
  int64_t examples = 0;  // of data
  std::vector<TaskProtocol> tasks;
  std::vector<AdapterSweep> sweeps;  // one at least
  std::vector<TaskItem> items;
};

}  // namespace matlora::eval
