// A benchmark task on a model: its documents as tokens, and what the model makes of them at
// whatever rank is selected. Prompts are cut and scored as lm-evaluation-harness 0.4.13 does with
// its `hf` model (lm_eval/api/model.py, lm_eval/models/huggingface.py).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/eval/likelihood.h"
#include "matlora/eval/results.h"
#include "matlora/generate/batch.h"
#include "matlora/model/load.h"
#include "matlora/tasks/task.h"

namespace matlora::eval {

struct TaskOptions {
  std::optional<int64_t> shots;  // none: the task's own number
  int64_t limit = 0;             // the first documents of the file; 0: all
  uint64_t seed = 1234;          // of the examples in prompts
  int64_t max_new_tokens = 0;    // 0: the task's own
};

/// A task's documents as tokens, the same for every adapter and rank.
struct PreparedTask {
  tasks::Task task;
  const text::Tokenizer* tokenizer = nullptr;  // the model's, which must stay
  TaskProtocol protocol;
  std::vector<tasks::Document> documents;
  std::vector<std::vector<Continuation>> groups;  // Kind::choice: the choices of each document
  std::vector<generate::Request> requests;        // Kind::generation: one per document
};

/// Tasks that were asked for under one name: one, or a group with its own mean (mmlu).
struct TaskSuite {
  std::string name;
  std::vector<PreparedTask> tasks;
};

/// Reads and encodes the task `name` (tasks::find_tasks) from `data`. Prompts too long for the
/// model's context lose their beginning; TaskProtocol::truncated counts them. Throws UserError for
/// what find_tasks, read_documents and shot_prefixes refuse, for an answer without tokens or longer
/// than the context, and FieldError "max_new_tokens" when the context is too short for a prompt
/// and them.
TaskSuite prepare_suite(const std::string& name, const std::filesystem::path& data,
                        const model::Model& model, const TaskOptions& options);

struct TaskRunOptions {
  int64_t batch_size = 32;     // sequences that are generated at the same time
  std::function<bool()> stop;  // asked now and then; true ends the work early
  std::function<void()> done;  // called for every document that is done
};

/// One sample per document, in order (rank 0 in all of them); nothing when stopped.
std::vector<TaskSample> run_task(const nn::Decoder& decoder, const PreparedTask& task,
                                 const TaskRunOptions& options);

/// The scores of a suite's tasks, before them those of the suite when it is a group (mmlu's mean).
/// samples[i]: of tasks[i], one for each of its documents.
std::vector<TaskScore> task_scores(const TaskSuite& suite,
                                   const std::vector<std::vector<TaskSample>>& samples);

}  // namespace matlora::eval
