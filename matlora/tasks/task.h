// Evaluation tasks over local JSON Lines files: those that lm-evaluation-harness (0.4.13) defines,
// with the field names of the public datasets, and the user's own. docs/tasks.md lists them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/json.h"

namespace matlora::tasks {

/// How a document is scored.
enum class Kind {
  choice,      // the likeliest of its answers
  generation,  // the text that the model continues with
};

/// One record: questions[i] + " " + answers[i] is choice i. Either list has one entry for all
/// choices, or one for each (winogrande: questions that differ, one answer).
struct Document {
  std::vector<std::string> questions;
  std::vector<std::string> answers;  // Kind::generation: the reference, one
  int64_t gold = 0;                  // the right choice
  std::string record = {};           // as JSON: two documents are one only where this is the same

  bool operator==(const Document&) const = default;
  int64_t choices() const;
  const std::string& question(int64_t choice) const;
  const std::string& answer(int64_t choice) const;
};

/// What a generated response is scored by: `extract` takes the answer out of it.
struct Filter {
  std::string name;  // the metric is "exact_match,NAME", or "exact_match" without a name
  std::function<std::string(const std::string& response)> extract;
};

struct Task {
  std::string name;  // as lm-eval's
  std::string version;
  Kind kind = Kind::choice;
  bool acc_norm = false;             // besides acc
  std::string description;           // before everything else
  std::filesystem::path test_file;   // its documents are scored
  std::filesystem::path shots_file;  // its documents are the examples in prompts; may be empty
  bool first_shots = false;          // always its first ones, else drawn again for every document
  bool draws_one_more = false;       // and leaves the scored document itself out, see prompts.h
  int64_t default_shots = 0;         // lm-eval's
  std::function<Document(const JsonObject& record)> read;

  // Kind::generation
  std::vector<std::string> stops;  // where an answer ends
  int64_t max_new_tokens = 256;    // lm-eval's default
  std::vector<Filter> filters;     // each gives a metric
  /// Whether what a filter extracted is the document's reference answer.
  std::function<bool(const std::string& extracted, const std::string& reference)> same;
};

/// The names that find_tasks takes.
std::vector<std::string> task_names();

/// The task of that name, its files being DATA/NAME/SPLIT.jsonl; `mmlu`: one for each of its 57
/// subjects that has a folder in DATA/mmlu, in lm-eval's order of their names, with the files
/// DATA/mmlu/SUBJECT/SPLIT.jsonl; a name that ends with .json: the task file there (user_task.h).
/// Throws FieldError "task" for an unknown name, with the nearest; UserError where mmlu has no
/// folder; and what read_task_file throws.
std::vector<Task> find_tasks(const std::string& name, const std::filesystem::path& data);

/// The documents of one of a task's files, the first `limit` (0: all). Throws UserError FILE:LINE
/// for a missing or mistyped field, a right answer that is none of the choices, and what
/// read_jsonl throws.
std::vector<Document> read_documents(const Task& task, const std::filesystem::path& file,
                                     int64_t limit = 0);

}  // namespace matlora::tasks
