// Hand-made records in the public datasets' forms; the expected prompts are written by lm-eval's
// rules (doc_to_text, doc_to_choice, doc_to_target of each task's YAML file).
#include "matlora/tasks/task.h"

#include <gtest/gtest.h>

#include <fstream>

#include "matlora/base/error.h"
#include "matlora/tasks/prompts.h"
#include "tests/support/temp_dir.h"

namespace matlora::tasks {
namespace {

namespace fs = std::filesystem;

class TaskFiles : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& lines) const {
    fs::create_directories((data.path() / name).parent_path());
    std::ofstream(data.path() / name) << lines;
  }

  /// The documents of one task's test split, written as `lines`.
  std::vector<Document> read(const std::string& name, const std::string& lines) const {
    const Task task = find_tasks(name, data.path()).at(0);
    put(task.test_file, lines);
    return read_documents(task, task.test_file);
  }

  std::string error(const std::string& name, const std::string& lines) const {
    try {
      read(name, lines);
    } catch (const UserError& e) {
      return e.what();
    }
    return "";
  }

  tests::TempDir data;
};

void expect_has(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST_F(TaskFiles, Gsm8k) {
  const auto document =
      read("gsm8k", R"({"question": "What is 2+2?", "answer": "2+2=<<2+2=4>>4\n#### 4"})").at(0);
  EXPECT_EQ(document.question(0), "Question: What is 2+2?\nAnswer:");
  EXPECT_EQ(document.answer(0), "2+2=<<2+2=4>>4\n#### 4");
}

TEST_F(TaskFiles, ArcFindsTheLabel) {
  const auto document = read("arc_easy", R"({"question": "Q?", "choices": {"text": ["x", "y"],)"
                                         R"( "label": ["1", "2"]}, "answerKey": "2"})")
                            .at(0);
  EXPECT_EQ(document.question(1), "Question: Q?\nAnswer:");
  EXPECT_EQ(document.answer(1), "y");
  EXPECT_EQ(document.gold, 1);
  EXPECT_EQ(document.choices(), 2);
}

TEST_F(TaskFiles, HellaswagIsCleaned) {
  const auto document =
      read("hellaswag", R"({"activity_label": "Roof", "ctx_a": "A man [step] sits.",)"
                        R"( "ctx_b": "he Is", "endings": [" on [x]it.",)"
                        R"( "a [title] b", "x   [a[b]c] y [] z", "d"], "label": "1"})")
          .at(0);
  EXPECT_EQ(document.question(0), "Roof: A man sits. He is");
  EXPECT_EQ(document.answer(0), "on it.");
  EXPECT_EQ(document.answer(1), "a. b");
  EXPECT_EQ(document.answer(2), "x  c] y z");  // as Python's re.sub and replace leave it
  EXPECT_EQ(document.gold, 1);
}

TEST_F(TaskFiles, WinograndeHasAQuestionForEachChoice) {
  const auto document =
      read("winogrande", R"({"sentence": "Ann thanked _ for it.", "option1": "Bob",)"
                         R"( "option2": "Carl", "answer": "2"})")
          .at(0);
  EXPECT_EQ(document.question(0), "Ann thanked Bob");
  EXPECT_EQ(document.question(1), "Ann thanked Carl");
  EXPECT_EQ(document.answer(1), "for it.");
  EXPECT_EQ(document.gold, 1);
  EXPECT_EQ(document.choices(), 2);
}

TEST_F(TaskFiles, MmluListsItsLetters) {
  const auto document =
      read("mmlu_high_school_physics",
           R"({"question": " What? ", "choices": ["a", "b", "c", "d"], "answer": 3})")
          .at(0);
  EXPECT_EQ(document.question(0), "What?\nA. a\nB. b\nC. c\nD. d\nAnswer:");
  EXPECT_EQ(document.answer(3), "D");
  const Task task = find_tasks("mmlu", data.path()).at(0);
  EXPECT_EQ(task.name, "mmlu_high_school_physics");
  EXPECT_EQ(task.description,
            "The following are multiple choice questions (with answers) about high school "
            "physics.\n\n");
}

TEST_F(TaskFiles, PiqaOpenbookqaBoolq) {
  const auto piqa =
      read("piqa", R"({"goal": "Open", "sol1": "pull", "sol2": "push", "label": 1})").at(0);
  EXPECT_EQ(piqa.question(0), "Question: Open\nAnswer:");
  EXPECT_EQ(piqa.answer(1), "push");
  const auto book =
      read("openbookqa", R"({"question_stem": "The sun", "choices": {"text": ["a", "b"],)"
                         R"( "label": ["A", "B"]}, "answerKey": " B"})")
          .at(0);
  EXPECT_EQ(book.question(0), "The sun");
  EXPECT_EQ(book.gold, 1);
  const auto boolq = read("boolq", R"({"passage": "P.", "question": "is it", "label": 1})").at(0);
  EXPECT_EQ(boolq.question(0), "P.\nQuestion: is it?\nAnswer:");
  EXPECT_EQ(boolq.answer(boolq.gold), "yes");
}

TEST_F(TaskFiles, FilesAreInTheTasksFolder) {
  const Task math = find_tasks("gsm8k", data.path()).at(0);
  EXPECT_EQ(math.test_file, data.path() / "gsm8k" / "test.jsonl");
  EXPECT_EQ(math.shots_file, data.path() / "gsm8k" / "train.jsonl");
  EXPECT_EQ(math.max_new_tokens, 256);
  EXPECT_EQ(find_tasks("piqa", data.path()).at(0).test_file,
            data.path() / "piqa" / "validation.jsonl");
  const Task subject = find_tasks("mmlu_anatomy", data.path()).at(0);
  EXPECT_EQ(subject.test_file, data.path() / "mmlu" / "anatomy" / "test.jsonl");
  EXPECT_EQ(subject.shots_file, data.path() / "mmlu" / "anatomy" / "dev.jsonl");
}

TEST_F(TaskFiles, ThePoolIsReadForShotsOnly) {
  Task task = find_tasks("piqa", data.path()).at(0);
  EXPECT_TRUE(read_pool(task, 0).empty());
  EXPECT_THROW(read_pool(task, 1), UserError);  // no such file
  put("piqa/train.jsonl", R"({"goal": "Open", "sol1": "pull", "sol2": "push", "label": 1})");
  EXPECT_EQ(read_pool(task, 1).size(), 1u);
  task.shots_file.clear();
  EXPECT_EQ(tests::user_error([&] { read_pool(task, 1); }),
            "shots: piqa: expected 0, it has no file of examples, got 1");
}

TEST_F(TaskFiles, WhatIsWrongIsSaidWithFileAndLine) {
  expect_has(
      error("piqa",
            "{\"goal\": \"a\", \"sol1\": \"b\", \"sol2\": \"c\", \"label\": 0}\n{\"goal\": \"a\"}"),
      "validation.jsonl:2: 'sol1' is missing");
  expect_has(error("piqa", R"({"goal": "a", "sol1": "b", "sol2": "c", "label": 2})"), "0..1");
  expect_has(error("arc_easy", R"({"question": "Q", "choices": {"text": ["x"], "label": ["A"]},)"
                               R"( "answerKey": "E"})"),
             "'answerKey': expected one of the choices' labels, got 'E'");
  expect_has(error("winogrande", R"({"sentence": "no blank", "option1": "a", "option2": "b",)"
                                 R"( "answer": "1"})"),
             "'_'");
  EXPECT_THROW(find_tasks("mmlu", data.path()), UserError);
  try {
    find_tasks("gsm8", data.path());
    FAIL();
  } catch (const UserError& e) {
    expect_has(e.what(), "did you mean 'gsm8k'?");
  }
}

std::vector<Document> numbered(int64_t count) {
  std::vector<Document> documents;
  for (int64_t i = 0; i < count; ++i) {
    documents.push_back({{"Q" + std::to_string(i)}, {"A" + std::to_string(i)}, 0});
  }
  return documents;
}

TEST_F(TaskFiles, ShotsAreDrawnAnewForEveryDocument) {
  const Task task = find_tasks("gsm8k", data.path()).at(0);
  const auto pool = numbered(7473);
  const auto prefixes = shot_prefixes(task, numbered(2), pool, 5, 1234);
  EXPECT_EQ(prefixes.at(0), "Q6374 A6374\n\nQ3610 A3610\n\nQ957 A957\n\nQ61 A61\n\nQ742 A742\n\n");
  EXPECT_EQ(prefixes.at(1),
            "Q7462 A7462\n\nQ6610 A6610\n\nQ4769 A4769\n\nQ286 A286\n\nQ5501 A5501\n\n");
  EXPECT_EQ(shot_prefixes(task, numbered(1), {}, 0, 1234).at(0), "");
  EXPECT_THROW(shot_prefixes(task, numbered(1), std::span(pool).first(4), 5, 1234), UserError);
}

// random.Random(1234): sample(range(40398), 6) twice, as lm-eval draws for 5 shots of winogrande.
TEST_F(TaskFiles, OneMoreIsDrawnWhereNoSplitIsScored) {
  const Task task = find_tasks("winogrande", data.path()).at(0);
  const auto pool = numbered(40398);
  const std::vector<Document> scored = {pool[0], pool[6450]};
  const auto shots = [](std::vector<int64_t> drawn) {
    std::string text;
    for (const int64_t i : drawn) text += cat("Q", i, " A", i, "\n\n");
    return text;
  };
  const auto prefixes = shot_prefixes(task, scored, pool, 5, 1234);
  EXPECT_EQ(prefixes.at(0), shots({28883, 7657, 490, 5940, 38156}));
  EXPECT_EQ(prefixes.at(1),
            shots({5500, 23241, 15519, 1142, 2019}));  // the second example is the document itself
  EXPECT_THROW(shot_prefixes(task, scored, std::span(pool).first(5), 5, 1234), UserError);
}

TEST_F(TaskFiles, MmluTakesTheFirstShots) {
  const Task task = find_tasks("mmlu_anatomy", data.path()).at(0);
  const auto prefixes = shot_prefixes(task, numbered(2), numbered(5), 2, 1234);
  EXPECT_EQ(prefixes.at(0), task.description + "Q0 A0\n\nQ1 A1\n\n");
  EXPECT_EQ(prefixes.at(1), prefixes.at(0));
}

}  // namespace
}  // namespace matlora::tasks
