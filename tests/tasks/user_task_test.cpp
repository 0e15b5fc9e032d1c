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

  /// Without their records.
  std::vector<Document> documents(const Task& task, const std::string& lines) const {
    dir.write("t.jsonl", lines);
    std::vector<Document> read = read_documents(task, task.test_file);
    for (Document& document : read) {
      EXPECT_FALSE(document.record.empty());
      document.record.clear();
    }
    return read;
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
      task(kWritten, R"j({"name": "trivia-1.b", "version": "2", "shots_from": "train.jsonl",
                         "shots": 3, "first_shots": true, "description": "Answer.\n\n",
                         "answer_regex": "#### (.*)", "take": "last", "stops": ["\n", "Q:"],
                         "max_new_tokens": 128})j");
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
  const auto document =
      documents(t, R"({"q": "Wieß {n}?", "n": -3, "f": 0.5, "b": true, "a": ""})").at(0);
  EXPECT_EQ(document.question(0), "{Wieß {n}?} -3 0.5true:");
  EXPECT_EQ(document.answer(0), " }");
}

TEST_F(UserTask, ChoicesOfTheTask) {
  const Task fixed = task(kChoice);
  const auto read = documents(fixed, R"({"q": "A", "label": 1}
                                        {"q": "B", "label": "0"}
                                        {"q": "C", "label": "yes"})");
  EXPECT_EQ(read.at(0), (Document{{"A"}, {"no", "yes"}, 1}));
  EXPECT_EQ(read.at(1), (Document{{"B"}, {"no", "yes"}, 0}));
  EXPECT_EQ(read.at(2), (Document{{"C"}, {"no", "yes"}, 1}));
  const Task filled = task(kChoice, R"({"choices": ["{s1}.", "{s2}."]})");
  EXPECT_EQ(documents(filled, R"({"q": "A", "s1": "x", "s2": 5, "label": "5."})").at(0),
            (Document{{"A"}, {"x.", "5."}, 1}));
}

TEST_F(UserTask, ChoicesOfTheRecord) {
  const Task t = task(kChoice, R"({"choices": "{options}"})");
  const auto read = documents(t, R"({"q": "A", "options": ["x", "y", "z"], "label": 2}
                                    {"q": "B", "options": ["x", "w"], "label": "w"})");
  EXPECT_EQ(read.at(0), (Document{{"A"}, {"x", "y", "z"}, 2}));
  EXPECT_EQ(read.at(1), (Document{{"B"}, {"x", "w"}, 1}));
}

TEST_F(UserTask, ChoicesThatAreNumbers) {
  const std::string line = R"({"q": "A", "options": ["3", "1", "0"], "label": "1"})";
  const std::string options = R"({"choices": "{options}"})";
  EXPECT_EQ(documents(task(kChoice, options), line).at(0).gold, 1);  // either way
  const std::string doubtful = R"({"q": "A", "options": ["1", "3", "0"], "label": 1})";
  expect_has(record_error(task(kChoice, options), doubtful),
             "t.jsonl:1: 'gold': '1' is the index of one choice and the text of another; say which "
             "counts by ");
  const auto gold = [&](const std::string& is) {
    const Task t = task(kChoice, R"({"choices": "{options}", "gold_is": ")" + is + "\"}");
    return documents(t, doubtful).at(0).gold;
  };
  EXPECT_EQ(gold("index"), 1);
  EXPECT_EQ(gold("text"), 0);
}

TEST_F(UserTask, WithoutAPatternTheTextsAreCompared) {
  const Task t = task(kWritten);
  EXPECT_EQ(judged(t, " Paris\n", "Paris "), Judged("Paris", true));
  EXPECT_EQ(judged(t, "paris", "Paris"), Judged("paris", false));
  EXPECT_EQ(judged(t, "", " "), Judged("", true));
}

TEST_F(UserTask, ThePatternsGroupIsTheAnswer) {
  const Task first = task(kWritten, R"j({"answer_regex": "#### (-?[0-9.,]+)"})j");
  EXPECT_EQ(judged(first, "so #### 5 and #### 6", "2+3\n#### 5"), Judged("5", true));
  EXPECT_EQ(judged(first, "so #### 5", " 5\n"), Judged("5", true));  // a reference without marks
  const Task bracket =
      task(kWritten, R"json({"answer_regex": "[]\\d]+"})json");  // ] first is itself
  EXPECT_EQ(judged(bracket, "a 1]2 b", "1]2"), Judged("1]2", true));
  EXPECT_EQ(judged(first, "so 5", "5"), Judged("[invalid]", false));
  const Task last = task(kWritten, R"j({"answer_regex": "#### (-?[0-9.,]+)", "take": "last"
  })j");
  EXPECT_EQ(judged(last, "so #### 5 and #### 6", "#### 9 #### 6"), Judged("6", true));
}

TEST_F(UserTask, TheFirstGroupWithSomethingInItOrTheWholeMatch) {
  const Task whole = task(kWritten, R"({"answer_regex": "[0-9]+ apples"})");
  EXPECT_EQ(judged(whole, "He has 12 apples.", "12 apples"), Judged("12 apples", true));
  const Task groups =
      task(kWritten, R"j({"answer_regex": "is ([A-D])|\\(([A-D])\\)|( +)", "take": "last"
  })j");
  EXPECT_EQ(judged(groups, "(B) it is C, no, (D)  ", "D"), Judged("D", true));
}

TEST_F(UserTask, MatchesWithNothingInThemDoNotCount) {
  const Task first = task(kWritten, R"({"answer_regex": "[0-9]*"})");
  EXPECT_EQ(judged(first, "ünd 42, 43", "42"), Judged("42", true));
  const Task last = task(kWritten, R"({"answer_regex": "[0-9]*", "take": "last"})");
  EXPECT_EQ(judged(last, "42, 43 ü", "43"), Judged("43", true));
  EXPECT_EQ(judged(last, "", "43"), Judged("[invalid]", false));
}

// A \K behind the end of a match, or before where the search began, neither loops nor repeats.
TEST_F(UserTask, APatternThatKeepsOtherTextsComesToAnEnd) {
  for (const char* pattern :
       {"(?=[0-9]+\\\\K)", "(?<=\\\\K[0-9])", "((?=x[0-9]\\\\K)){0}(?1)", "(?=(a\\\\Kb))|[0-9]+",
        "(?<k>[0-9]\\\\K){0}(?=\\\\g<k>)", "(?<=\\\\K4)"}) {
    for (const char* take : {"first", "last"}) {
      const std::string keys =
          cat("{\"answer_regex\": \"", pattern, "\", \"take\": \"", take, "\"}");
      judged(task(kWritten, keys), "xab 42, x4 ünd 43", "43");
    }
  }
  const Task kept = task(kWritten, R"({"answer_regex": "is \\K[0-9]+"})");
  EXPECT_EQ(judged(kept, "it is 42", "42"), Judged("42", true));
}

TEST_F(UserTask, TheScoredRecordIsNoExampleOfItself) {
  const std::string lines = R"({"q": "A", "a": 1}
                               {"q": "B", "a": 2}
                               {"q": "C", "a": 3})";
  dir.write("t.jsonl", lines);
  const Task t = task(kWritten, R"({"shots_from": "t.jsonl", "first_shots": true})");
  EXPECT_TRUE(t.draws_one_more);
  const auto scored = read_documents(t, t.test_file);
  const auto prefixes = shot_prefixes(t, scored, read_pool(t, 2), 2, 1234);
  EXPECT_EQ(prefixes.at(0), "B 2\n\nC 3\n\n");
  EXPECT_EQ(prefixes.at(1), "A 1\n\nC 3\n\n");
  EXPECT_EQ(prefixes.at(2), "A 1\n\nB 2\n\n");
  EXPECT_THROW(shot_prefixes(t, scored, scored, 3, 1234), UserError);
}

TEST_F(UserTask, WrongKeys) {
  const std::string start = (dir.path() / "my.json").string() + ": ";
  EXPECT_EQ(error(kChoice, R"({"qestion": "x"})"),
            start + "unknown key 'qestion'; did you mean 'question'?");
  EXPECT_EQ(error(kChoice, R"({"test": null})"), start + "'test' is missing");
  EXPECT_EQ(error(kChoice, R"({"question": null})"), start + "'question' is missing");
  EXPECT_EQ(error(kChoice, R"({"gold": null})"), start + "'gold' is missing");
  EXPECT_EQ(error(kChoice, R"({"test": 5})"), start + "'test': expected a string, got 5");
  EXPECT_EQ(error(kChoice, R"({"question": ""})"),
            start + "'question': expected a text, got an empty one");
  EXPECT_EQ(error(kChoice, R"({"name": "a,b"})"),
            start + "'name': expected letters, digits, '_', '-' and '.', got 'a,b'");
  EXPECT_EQ(error(kChoice, R"({"shots": -1})"),
            start + "'shots': expected an integer in 0..1000000, got -1");
  EXPECT_EQ(error(kChoice, R"({"shots": 2})"), start + "'shots_from' is missing; 'shots' needs it");
  EXPECT_EQ(error(kChoice, R"({"first_shots": 1})"),
            start + "'first_shots': expected true or false, got 1");
  expect_has(tests::user_error([&] { read_task_file(dir.write("my.json", "[]")); }),
             start + "expected a JSON object");
  expect_has(tests::user_error([&] { read_task_file(dir.write("my.json", "{")); }),
             start + "not valid JSON");
}

TEST_F(UserTask, BothFormsOrNone) {
  const std::string expected = "my.json: expected either 'choices' (and 'gold') or 'answer', got ";
  expect_has(error(kChoice, R"({"answer": "{a}"})"), expected + "both");
  expect_has(error(kChoice, R"({"choices": null})"), expected + "neither");
  expect_has(error(kChoice, R"({"stops": ["\n"]})"),
             "'stops': expected only together with 'answer', got it with 'choices'");
  expect_has(error(kWritten, R"({"gold": "{g}"})"),
             "'gold': expected only together with 'choices', got it with 'answer'");
}

TEST_F(UserTask, WrongChoices) {
  expect_has(error(kChoice, R"({"choices": []})"), "'choices': expected at least 2, got 0");
  expect_has(error(kChoice, R"({"choices": ["a"]})"), "'choices': expected at least 2, got 1");
  expect_has(error(kChoice, R"({"choices": ["a", ""]})"),
             "'choices': expected texts, got an empty one at index 1");
  expect_has(error(kChoice, R"({"choices": ["a", 5]})"),
             "'choices': expected a list of strings, got 5");
  expect_has(error(kChoice, R"({"choices": 5})"), "'choices': expected a list of strings, got 5");
  expect_has(error(kChoice, R"({"choices": "{a} {b}"})"),
             "'choices': expected a list, or one {field} and nothing else, got '{a} {b}'");
  expect_has(error(kChoice, R"({"choices": ["a", "{"]})"),
             "'choices': expected {field}, {{ or }}, got '{'");
  expect_has(error(kChoice, R"({"gold_is": "letter"})"),
             "'gold_is': expected \"index\" or \"text\", got 'letter'");
}

TEST_F(UserTask, WrongTemplates) {
  const auto got = [&](const std::string& question) {
    const std::string message = error(kChoice, R"({"question": ")" + question + "\"}");
    expect_has(message, "my.json: 'question': expected {field}, {{ or }}, got '");
    return message.substr(message.find("got '"));
  };
  EXPECT_EQ(got("a {q"), "got '{q'");
  EXPECT_EQ(got("a } b"), "got '} b'");
  EXPECT_EQ(got("a {}"), "got '{}'");
  EXPECT_EQ(got("{a{b}}"), "got '{a{b}}'");
  EXPECT_EQ(got("{{a}"), "got '}'");
  EXPECT_EQ(got("{"), "got '{'");
}

TEST_F(UserTask, WrongAnswerKeys) {
  expect_has(error(kWritten, R"({"answer_regex": "(a"})"),
             "my.json: 'answer_regex': pattern '(a': missing closing parenthesis");
  expect_has(error(kWritten, R"({"answer_regex": ""})"), "'answer_regex': expected a text");
  expect_has(error(kWritten, R"({"take": "first"})"),
             "'take': expected 'answer_regex' too, got none");
  expect_has(error(kWritten, R"({"answer_regex": "a", "take": "second"})"),
             "'take': expected \"first\" or \"last\", got 'second'");
  expect_has(error(kWritten, R"({"stops": ["a", ""]})"),
             "'stops': expected texts, got an empty one");
  expect_has(error(kWritten, R"({"stops": "a"})"), "'stops': expected a list of strings, got");
  expect_has(error(kWritten, R"({"max_new_tokens": 0})"),
             "'max_new_tokens': expected an integer in 1..1000000, got 0");
}

TEST_F(UserTask, WrongRecords) {
  const Task fixed = task(kChoice);
  const std::string where = fixed.test_file.string();
  EXPECT_EQ(record_error(fixed, "{\"q\": \"A\", \"label\": 0}\n\n{\"qq\": \"A\", \"label\": 0}"),
            where + ":3: 'q' is missing; " + (dir.path() / "my.json").string() +
                ": 'question' has {q}; did you mean 'qq'?");
  expect_has(record_error(fixed, R"({"q": ["A"], "label": 0})"),
             "t.jsonl:1: 'q': expected a string or a number, got a list");
  expect_has(record_error(fixed, R"({"q": "A", "label": null})"),
             "t.jsonl:1: 'label': expected a value, got null");
  for (const char* label : {"2", "-1", "\"02\"", "1.0", "\"maybe\"", "\"\""}) {
    expect_has(record_error(fixed, cat(R"({"q": "A", "label": )", label, "}")),
               "t.jsonl:1: 'gold': expected one of 0..1 or the text of one of the choices, got '");
  }
  const Task index = task(kChoice, R"({"gold_is": "index"})");
  expect_has(record_error(index, R"({"q": "A", "label": "yes"})"),
             "t.jsonl:1: 'gold': expected one of 0..1, got 'yes'");
}

TEST_F(UserTask, WrongChoicesInARecord) {
  const Task t = task(kChoice, R"({"choices": "{options}"})");
  expect_has(record_error(t, R"({"q": "A", "label": 0})"), "t.jsonl:1: 'options' is missing; ");
  expect_has(record_error(t, R"({"q": "A", "options": "a", "label": 0})"),
             "t.jsonl:1: 'options': expected a list of strings, got \"a\"");
  expect_has(record_error(t, R"({"q": "A", "options": ["a"], "label": 0})"),
             "t.jsonl:1: 'choices': expected at least 2, got 1");
  expect_has(record_error(t, R"({"q": "A", "options": ["a", ""], "label": 0})"),
             "t.jsonl:1: 'choices': expected texts, got an empty one at index 1");
}

}  // namespace
}  // namespace matlora::tasks
