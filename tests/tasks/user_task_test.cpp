// Task files and records made by hand; what is expected follows from user_task.h.
#include "matlora/tasks/user_task.h"

#include <gtest/gtest.h>

#include "matlora/tasks/prompts.h"
#include "matlora/tasks/scores.h"
#include "tests/support/temp_dir.h"

namespace matlora::tasks {
namespace {

using tests::expect_has;

constexpr const char* kChoice = R"({"test": "t.jsonl", "question": "{q}", "choices": ["no", "yes"],
                                    "gold": "{label}"})";
constexpr const char* kWritten = R"({"test": "t.jsonl", "question": "{q}", "answer": "{a}"})";

class UserTask : public ::testing::Test {
 protected:
  /// The file `form`, changed: `changes` is an object of keys to set, or to take away where null.
  Task task(const std::string& form, const std::string& changes = "{}") const {
    Json file = Json::parse(form);
    file.merge_patch(Json::parse(changes));
    return read_task_file(dir.write("my.json", file.dump()));
  }

  std::string error(const std::string& form, const std::string& changes) const {
    return tests::user_error([&] { task(form, changes); });
  }

  std::vector<Document> documents(const Task& task, const std::string& lines) const {
    dir.write("t.jsonl", lines);
    return read_documents(task, task.test_file);
  }

  std::string record_error(const Task& task, const std::string& line) const {
    return tests::user_error([&] { documents(task, line); });
  }

  /// What is extracted of `response`, and whether it is the reference.
  std::pair<std::string, bool> judged(const Task& task, const std::string& response,
                                      const std::string& reference) const {
    const std::string extracted = task.filters.at(0).extract(response);
    const auto scores = score_response(task, {{"Q"}, {reference}, 0}, response);
    EXPECT_EQ(scores.size(), 1u);
    EXPECT_EQ(scores.at(0).metric, "exact_match");
    return {extracted, scores.at(0).value == 1};
  }

  tests::TempDir dir;
};

using Judged = std::pair<std::string, bool>;

TEST_F(UserTask, EveryKey) {
  const Task written =
      task(kWritten, R"({"name": "trivia-1.b", "version": "2", "shots_from": "train.jsonl",
                         "shots": 3, "first_shots": true, "description": "Answer.\n\n",
                         "answer_regex": "#### (.*)", "take": "last", "stops": ["\n", "Q:"],
                         "max_new_tokens": 128})");
  EXPECT_EQ(written.name, "trivia-1.b");
  EXPECT_EQ(written.version, "2");
  EXPECT_EQ(written.kind, Kind::generation);
  EXPECT_EQ(written.test_file, dir.path() / "t.jsonl");
  EXPECT_EQ(written.shots_file, dir.path() / "train.jsonl");
  EXPECT_EQ(written.default_shots, 3);
  EXPECT_TRUE(written.first_shots);
  EXPECT_FALSE(written.draws_one_more);
  EXPECT_EQ(written.description, "Answer.\n\n");
  EXPECT_EQ(written.stops, (std::vector<std::string>{"\n", "Q:"}));
  EXPECT_EQ(written.max_new_tokens, 128);
}

TEST_F(UserTask, Defaults) {
  const Task written = task(kWritten);
  EXPECT_EQ(written.name, "my");
  EXPECT_EQ(written.version, "1");
  EXPECT_EQ(written.default_shots, 0);
  EXPECT_FALSE(written.first_shots);
  EXPECT_TRUE(written.shots_file.empty());
  EXPECT_EQ(written.stops, std::vector<std::string>{"\n\n"});
  EXPECT_EQ(written.max_new_tokens, 256);
  const Task choice = task(kChoice);
  EXPECT_EQ(choice.kind, Kind::choice);
  EXPECT_TRUE(choice.acc_norm);
}

TEST_F(UserTask, IsFoundByItsPath) {
  const auto path = dir.write("quiz.json", kChoice);
  const auto tasks = find_tasks(path.string(), "nowhere");
  ASSERT_EQ(tasks.size(), 1u);
  EXPECT_EQ(tasks[0].name, "quiz");
  EXPECT_THROW(find_tasks((dir.path() / "none.json").string(), "nowhere"), UserError);
}

TEST_F(UserTask, FieldsAreFilledIn) {
  const Task t = task(kWritten, R"({"question": "{{{q}}} {n} {f}{b}:", "answer": "{a} }}"})");
  const Document document =
      documents(t, R"({"q": "Wieß?", "n": -3, "f": 0.5, "b": true, "a": ["x"], "a": "{q}"})"
                   "\n")
          .at(0);
  EXPECT_EQ(document.question(0), "{Wieß?} -3 0.5true:");
}

}  // namespace
}  // namespace matlora::tasks
