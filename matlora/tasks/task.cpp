#include "matlora/tasks/task.h"

#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/format/jsonl.h"
#include "matlora/format/path_kind.h"
#include "matlora/tasks/answers.h"
#include "matlora/tasks/python_text.h"
#include "matlora/tasks/user_task.h"
#include "matlora/text/regex.h"

namespace matlora::tasks {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_gold(const JsonObject& record, const std::string& key,
                            const std::string& expected, const std::string& got) {
  fail(record.where(), "'", key, "': expected ", expected, ", got '", printable(got), "'");
}

/// The integer at `key`, which some files hold as text, in 0..count-1.
int64_t label(const JsonObject& record, const std::string& key, size_t count) {
  const auto highest = static_cast<int64_t>(count) - 1;
  const Json* value = record.find(key);
  if (value == nullptr || !value->is_string()) return record.integer(key, 0, highest);
  const std::string text = record.string(key);
  for (int64_t i = 0; i <= highest; ++i) {
    if (text == std::to_string(i)) return i;
  }
  fail_gold(record, key, cat("one of 0..", highest), text);
}

/// A record with {"text": [..], "label": [..]} and the right label.
Document labelled(const JsonObject& record, const std::string& question, const std::string& key) {
  const JsonObject choices = record.object("choices");
  const std::vector<std::string> labels = choices.strings("label");
  Document document{{question}, choices.strings("text"), 0};
  if (labels.size() != document.answers.size() || labels.empty()) {
    fail(record.where(), "'choices': expected as many labels as texts, got ", labels.size(),
         " and ", document.answers.size());
  }
  const auto found = std::find(labels.begin(), labels.end(), key);
  if (found == labels.end()) fail_gold(record, "answerKey", "one of the choices' labels", key);
  document.gold = found - labels.begin();
  return document;
}

std::string asked(const std::string& question) { return "Question: " + question + "\nAnswer:"; }

Document gsm8k(const JsonObject& record) {
  return {{asked(record.string("question"))}, {record.string("answer")}, 0};
}

Document arc(const JsonObject& record) {
  return labelled(record, asked(record.string("question")), record.string("answerKey"));
}

Document openbookqa(const JsonObject& record) {
  return labelled(record, record.string("question_stem"), left_strip(record.string("answerKey")));
}

/// lm_eval/tasks/hellaswag/utils.py: what WikiHow's articles left.
std::string without_marks(const std::string& text) {
  static const text::Regex brackets(R"(\[.*?\])", "hellaswag");
  std::string result = replace(strip(text), " [title]", ". ");
  for (auto found = brackets.find(result, 0); found; found = brackets.find(result, found->first)) {
    result.erase(found->first, found->second - found->first);
  }
  return replace(result, "  ", " ");
}

Document hellaswag(const JsonObject& record) {
  Document document;
  document.questions = {without_marks(record.string("activity_label") + ": " +
                                      record.string("ctx_a") + " " +
                                      capitalize(record.string("ctx_b")))};
  for (const std::string& ending : record.strings("endings")) {
    document.answers.push_back(without_marks(ending));
  }
  document.gold = label(record, "label", document.answers.size());
  return document;
}

Document winogrande(const JsonObject& record) {
  const std::string sentence = record.string("sentence");
  const size_t blank = sentence.find('_');
  if (blank == std::string::npos) fail(record.where(), "'sentence': expected one with a '_'");
  Document document;
  for (const char* option : {"option1", "option2"}) {
    document.questions.push_back(sentence.substr(0, blank) + record.string(option));
  }
  document.answers = {strip(sentence.substr(blank + 1))};
  const std::string answer = record.string("answer");
  if (answer != "1" && answer != "2") fail_gold(record, "answer", "1 or 2", answer);
  document.gold = answer == "1" ? 0 : 1;
  return document;
}

Document mmlu(const JsonObject& record) {
  static const std::vector<std::string> letters = {"A", "B", "C", "D"};
  const std::vector<std::string> choices = record.strings("choices");
  if (choices.size() != letters.size()) {
    fail(record.where(), "'choices': expected 4, got ", choices.size());
  }
  std::string question = strip(record.string("question"));
  for (size_t i = 0; i < letters.size(); ++i) question += "\n" + letters[i] + ". " + choices[i];
  return {{question + "\nAnswer:"}, letters, label(record, "answer", letters.size())};
}

Document piqa(const JsonObject& record) {
  return {{asked(record.string("goal"))},
          {record.string("sol1"), record.string("sol2")},
          label(record, "label", 2)};
}

Document boolq(const JsonObject& record) {
  const std::string question =
      record.string("passage") + "\nQuestion: " + record.string("question") + "?\nAnswer:";
  return {{question}, {"no", "yes"}, label(record, "label", 2)};
}

Task choice(std::string name, std::string version, bool acc_norm, const std::string& test_split,
            Document (*read)(const JsonObject&)) {
  Task task;
  task.name = std::move(name);
  task.version = std::move(version);
  task.acc_norm = acc_norm;
  task.test_file = test_split + ".jsonl";
  task.shots_file = "train.jsonl";
  task.draws_one_more = test_split == "validation";
  task.read = read;
  return task;
}

Task math() {
  Task task;
  task.name = "gsm8k";
  task.version = "3.0";
  task.kind = Kind::generation;
  task.test_file = "test.jsonl";
  task.shots_file = "train.jsonl";
  task.default_shots = 5;
  task.read = gsm8k;
  task.stops = {"Question:", "</s>", "<|im_end|>"};
  task.filters = {{"strict-match", strict_answer}, {"flexible-extract", flexible_answer}};
  task.same = same_answer;
  return task;
}

/// The tasks that have a folder of their name; their files are still without it.
std::vector<Task> single_tasks() {
  return {
      choice("arc_easy", "1.0", true, "test", arc),
      choice("arc_challenge", "1.0", true, "test", arc),
      choice("hellaswag", "1.0", true, "validation", hellaswag),
      choice("winogrande", "1.0", false, "validation", winogrande),
      choice("piqa", "1.0", true, "validation", piqa),
      choice("openbookqa", "1.0", true, "test", openbookqa),
      choice("boolq", "2.0", false, "validation", boolq),
      math(),
  };
}

Task in_folder(Task task, const fs::path& folder) {
  task.test_file = folder / task.test_file;
  task.shots_file = folder / task.shots_file;
  return task;
}

Task mmlu_subject(const std::string& subject, const fs::path& data) {
  Task task = choice("mmlu_" + subject, "1.0", false, "test", mmlu);
  task.description = "The following are multiple choice questions (with answers) about " +
                     replace(subject, "_", " ") + ".\n\n";
  task.shots_file = "dev.jsonl";
  task.first_shots = true;
  return in_folder(std::move(task), data / "mmlu" / subject);
}

constexpr std::string_view kMmlu = "mmlu_";

}  // namespace

int64_t Document::choices() const {
  return static_cast<int64_t>(std::max(questions.size(), answers.size()));
}

const std::string& Document::question(int64_t choice) const {
  return questions.size() == 1 ? questions[0] : questions.at(static_cast<size_t>(choice));
}

const std::string& Document::answer(int64_t choice) const {
  return answers.size() == 1 ? answers[0] : answers.at(static_cast<size_t>(choice));
}

std::vector<std::string> task_names() {
  std::vector<std::string> names = {"mmlu"};
  for (const Task& task : single_tasks()) names.push_back(task.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Task> find_tasks(const std::string& name, const fs::path& data) {
  if (name.ends_with(".json")) return {read_task_file(name)};
  if (std::error_code error; fs::exists(data, error) && !fs::is_directory(data, error)) {
    fail(data.string(), "expected the directory of the tasks' files, got ", format::what_is(data),
         "; see docs/tasks.md");
  }
  for (const Task& task : single_tasks()) {
    if (task.name == name) return {in_folder(task, data / name)};
  }
  if (name.starts_with(kMmlu)) return {mmlu_subject(name.substr(kMmlu.size()), data)};
  if (name != "mmlu") {
    fail_field("task", "unknown task '", printable(name), "'", did_you_mean(name, task_names()));
  }
  std::vector<std::string> subjects;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(data / "mmlu", error)) {
    if (entry.is_directory()) subjects.push_back(entry.path().filename().string());
  }
  if (subjects.empty()) {
    fail((data / "mmlu").string(), "expected a folder for each subject, got none");
  }
  std::sort(subjects.begin(), subjects.end());
  std::vector<Task> tasks;
  tasks.reserve(subjects.size());
  for (const std::string& subject : subjects) tasks.push_back(mmlu_subject(subject, data));
  return tasks;
}

std::vector<Document> read_documents(const Task& task, const fs::path& file, int64_t limit) {
  std::vector<Document> documents;
  for (const format::JsonlRecord& record : format::read_jsonl(file, limit)) {
    documents.push_back(task.read({record.value, cat(file.string(), ":", record.line)}));
    documents.back().record = record.value.dump();
  }
  return documents;
}

}  // namespace matlora::tasks
