// The benchmark tasks that lm-evaluation-harness (0.4.13) defines, over local JSON Lines files with
// the field names of the public datasets. docs/tasks.md lists them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "matlora/base/json.h"

namespace matlora::tasks {

/// How a document is scored.
enum class Kind {
  choice,      // the likeliest of its answers
  generation,  // the text that the model goes on with
};

/// One record: questions[i] + " " + answers[i] is choice i. Either list has one entry for all
/// choices, or one for each (winogrande: questions that differ, one answer).
struct Document {
  std::vector<std::string> questions;
  std::vector<std::string> answers;  // Kind::generation: the reference, one
  int64_t gold = 0;                  // the right choice

  bool operator==(const Document&) const = default;
  int64_t choices() const;
  const std::string& question(int64_t choice) const;
  const std::string& answer(int64_t choice) const;
};

struct Task {
  std::string name;  // as lm-eval's
  std::string version;
  Kind kind = Kind::choice;
  bool acc_norm = false;           // besides acc
  std::string description;         // before everything else
  std::string test_split;          // its documents are scored
  std::string shots_split;         // its documents are the examples in prompts
  bool first_shots = false;        // always its first ones, else drawn anew for every document
  bool draws_one_more = false;     // and leaves the scored document itself out, see prompts.h
  int64_t default_shots = 0;       // lm-eval's
  std::vector<std::string> stops;  // Kind::generation: where an answer ends
  Document (*read)(const JsonObject& record) = nullptr;
};

/// The names that find_tasks takes.
std::vector<std::string> task_names();

/// The task of that name; `mmlu`: one for each of its 57 subjects that has a folder in
/// `data`/mmlu, in lm-eval's order of their names. Throws UserError at --task for an unknown name,
/// with the nearest, and where mmlu has no folder.
std::vector<Task> find_tasks(const std::string& name, const std::filesystem::path& data);

/// The documents of a task's split, DATA/NAME/SPLIT.jsonl (mmlu: DATA/mmlu/SUBJECT/SPLIT.jsonl),
/// the first `limit` (0: all). Throws UserError FILE:LINE for a missing or mistyped field, a right
/// answer that is none of the choices, and what read_jsonl throws.
std::vector<Document> read_documents(const Task& task, const std::string& split,
                                     const std::filesystem::path& data, int64_t limit = 0);

}  // namespace matlora::tasks
