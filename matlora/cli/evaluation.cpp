#include "matlora/cli/evaluation.h"

#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/base/input.h"
#include "matlora/base/progress.h"
#include "matlora/format/jsonl.h"

namespace matlora::cli {
namespace {

constexpr int64_t kMaxLength = 1 << 20;  // tokens of one example
constexpr size_t kItems = 8;  // documents of a task, or of a group's parts, that a report shows

/// The first documents of a task, for people to look at.
std::vector<eval::TaskItem> items_of(const eval::PreparedTask& task, size_t count) {
  std::vector<eval::TaskItem> items;
  const bool choice = task.task.kind == tasks::Kind::choice;
  for (size_t i = 0; i < std::min(count, task.documents.size()); ++i) {
    const tasks::Document& document = task.documents[i];
    const bool questions = document.questions.size() > 1;
    const auto text = [&](int64_t c) {
      return questions ? document.question(c) : document.answer(c);
    };
    eval::TaskItem item;
    item.task = task.task.name;
    item.index = static_cast<int64_t>(i);
    item.prompt = questions ? document.answer(0) : document.question(0);
    item.reference = text(document.gold);
    item.gold = document.gold;
    for (int64_t c = 0; choice && c < document.choices(); ++c) item.choices.push_back(text(c));
    items.push_back(std::move(item));
  }
  return items;
}

std::vector<int64_t> default_ranks(const adapter::GateRule& rule) {
  std::vector<int64_t> ranks = {0};
  const bool nested = rule.method != adapter::Method::lora && !rule.train_ranks.empty();
  for (const int64_t rank : nested ? rule.train_ranks : adapter::powers_of_two(rule.rank)) {
    ranks.push_back(rank);
  }
  if (!nested) ranks.push_back(rule.rank);
  return ranks;
}

/// Scores are told apart by their tasks' names.
void check_names(const std::vector<eval::TaskSuite>& suites) {
  std::vector<std::string> names;
  for (const eval::TaskSuite& suite : suites) {
    if (suite.tasks.size() > 1) names.push_back(suite.name);
  }
  const std::vector<std::string> groups = names;
  for (const eval::TaskSuite& suite : suites) {
    for (const std::string& group : groups) {
      if (suite.tasks.size() == 1 && suite.name.starts_with(group + "_")) {
        fail_field("task", "the name ", suite.name, " is one of a part of ", group);
      }
    }
    for (const eval::PreparedTask& task : suite.tasks) {
      if (std::find(names.begin(), names.end(), task.task.name) != names.end()) {
        fail_field("task", "two tasks of the name ", task.task.name);
      }
      names.push_back(task.task.name);
    }
  }
}

}  // namespace

void EvaluationFlags::add_options(CLI::App& app, const std::string& prefix) {
  prefix_ = prefix;
  const std::string group = prefix.empty() ? "OPTIONS" : "Evaluation";
  const auto option = [&](const std::string& name, auto& value, const char* help) {
    return app.add_option("--" + prefix + name, value, help)->group(group);
  };
  option("data", data,
         "JSON Lines file of records to score, teacher-forced; - or a pipe is read to its end");
  option("task", tasks, "benchmark tasks, by lm-evaluation-harness's names or a task file (.json)")
      ->delimiter(',')
      ->allow_extra_args(false);
  option("task-data", task_data, "directory of the tasks' files, see docs/tasks.md");
  option("shots", shots_, "solved examples in a task's prompts (default: the task's)")
      ->check(integer(0));
  option("max-new-tokens", task_options.max_new_tokens,
         "of an answer that a task generates (default: the task's)")
      ->check(integer(1));
  option("batch-size", batch_size, "answers that are generated at the same time")
      ->check(integer(1))
      ->capture_default_str();
  option("limit", reading.limit, "score the first N records, and documents of each task; 0: all")
      ->check(integer(0))
      ->capture_default_str();
  option("seed", task_options.seed, "of the examples in a task's prompts")
      ->check(seed())
      ->capture_default_str();
  if (!prefix.empty()) return;
  option("max-length", reading.max_length, "cut examples at so many tokens")
      ->check(integer(2, kMaxLength))
      ->capture_default_str();
}

void EvaluationFlags::check(const CLI::App& app, const fs::path& output) {
  const auto flag = [&](const char* name) { return "--" + prefix_ + name; };
  if (tasks.empty()) {
    std::vector<const char*> names = {"task-data", "shots", "max-new-tokens"};
    // A run.toml names every option that has a default.
    if (prefix_.empty()) names.insert(names.end(), {"seed", "batch-size"});
    for (const char* name : names) {
      if (app.count(flag(name)) > 0) fail(flag(name), "has no meaning without ", flag("task"));
    }
  }
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (std::find(tasks.begin(), tasks.begin() + static_cast<int64_t>(i), tasks[i]) !=
        tasks.begin() + static_cast<int64_t>(i)) {
      fail(flag("task"), printable(tasks[i]), " twice");
    }
  }
  for (const std::string& task : tasks) {
    if (task_data.empty() && !task.ends_with(".json")) {
      fail(flag("task"), "where are the files of ", printable(task), "? give ", flag("task-data"),
           " DIR; docs/tasks.md says what it holds");
    }
  }
  if (app.count(flag("shots")) > 0) task_options.shots = shots_;
  task_options.limit = reading.limit;
  if (!output.empty()) {
    for (const fs::path& input : {data, task_data}) keep_input(input, output);
    for (const std::string& task : tasks) {
      if (task.ends_with(".json")) keep_input(task, output);
    }
  }
  if (!data.empty() && !is_stream(data)) format::read_jsonl(data, /*limit=*/1);
}

Evaluation read_evaluation(const EvaluationFlags& flags, const model::Model& base, bool quiet) {
  Evaluation result;
  if (!flags.data.empty()) {
    result.examples = read_examples(base, flags.data, flags.reading, quiet).items;
  }
  for (const std::string& task : flags.tasks) {
    result.suites.push_back(eval::prepare_suite(task, flags.task_data, base, flags.task_options));
    check_names(result.suites);
    for (const eval::PreparedTask& one : result.suites.back().tasks) {
      if (one.protocol.truncated == 0) continue;
      say(quiet, cat(one.protocol.name, ": ", one.protocol.truncated, " of ",
                     one.protocol.documents, " prompts cut to the model's context"));
    }
  }
  return result;
}

eval::Report new_report(const Evaluation& evaluation, const EvaluationFlags& flags,
                        const model::Model& base, const fs::path& model) {
  eval::Report report;
  report.model = model.string();
  report.data = flags.data.string();
  report.dtype = dtype_name(base.decoder.dtype());
  report.device = base.decoder.device().str();
  report.examples = static_cast<int64_t>(evaluation.examples.size());
  for (const eval::TaskSuite& suite : evaluation.suites) {
    const size_t each = std::max<size_t>(1, kItems / suite.tasks.size());
    for (const eval::PreparedTask& task : suite.tasks) {
      report.tasks.push_back(task.protocol);
      std::vector<eval::TaskItem> items = items_of(task, each);
      std::move(items.begin(), items.end(), std::back_inserter(report.items));
    }
  }
  return report;
}

std::vector<int64_t> chosen_ranks(std::vector<int64_t> ranks, const adapter::Adapter* adapter) {
  if (ranks.empty())
    ranks = adapter != nullptr ? default_ranks(adapter->rule) : std::vector{int64_t{0}};
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  return ranks;
}

}  // namespace matlora::cli
