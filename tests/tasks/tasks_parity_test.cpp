// Against CPython and lm-evaluation-harness's filters, by the file that tools/golden/tasks.py
// writes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "matlora/base/json.h"
#include "matlora/tasks/answers.h"
#include "matlora/tasks/python_random.h"
#include "matlora/tasks/python_text.h"
#include "matlora/tasks/user_task.h"
#include "matlora/text/unicode.h"
#include "tests/support/temp_dir.h"

namespace matlora::tasks {
namespace {

class TasksParity : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* directory = std::getenv("MATLORA_GOLDEN");
    const auto path = std::filesystem::path(directory ? directory : "/nonexistent") / "tasks.json";
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing";
    golden = read_json(path);
  }

  Json golden;
};

TEST_F(TasksParity, Samples) {
  ASSERT_GT(golden["samples"].size(), 50u);
  for (const Json& row : golden["samples"]) {
    PythonRandom random(row["seed"].get<uint64_t>());
    for (const Json& drawn : row["drawn"]) {
      ASSERT_EQ(random.sample(row["size"].get<int64_t>(), row["count"].get<int64_t>()),
                drawn.get<std::vector<int64_t>>())
          << row;
    }
  }
}

TEST_F(TasksParity, AnswerFilters) {
  ASSERT_FALSE(golden["filters"].empty());
  for (const Json& row : golden["filters"]) {
    const auto response = row["response"].get<std::string>();
    EXPECT_EQ(strict_answer(response), row["strict"].get<std::string>()) << response;
    EXPECT_EQ(flexible_answer(response), row["flexible"].get<std::string>()) << response;
  }
}

// lm-eval's own patterns in a task file: what re.findall and its RegexFilter make of them.
TEST_F(TasksParity, AnswerFiltersOfATaskFile) {
  const tests::TempDir dir;
  const auto filter = [&](const Json& pattern, const char* take) {
    const Json file = {{"test", "t.jsonl"},
                       {"question", "{q}"},
                       {"answer", "{a}"},
                       {"answer_regex", pattern},
                       {"take", take}};
    return read_task_file(dir.write("t.json", file.dump())).filters.at(0).extract;
  };
  const auto strict = filter(R"(#### (\-?[0-9\.\,]+))", "first");
  const auto flexible = filter("(-?[$0-9.,]{2,})|(-?[0-9]+)", "last");
  for (const Json& row : golden["filters"]) {
    const auto response = row["response"].get<std::string>();
    EXPECT_EQ(strict(response), row["strict"].get<std::string>()) << response;
    EXPECT_EQ(flexible(response), row["flexible"].get<std::string>()) << response;
  }
}

TEST_F(TasksParity, ExactMatch) {
  ASSERT_FALSE(golden["matches"].empty());
  for (const Json& row : golden["matches"]) {
    EXPECT_EQ(same_answer(row["answer"].get<std::string>(), row["reference"].get<std::string>()),
              row["same"].get<bool>())
        << row;
  }
}

TEST_F(TasksParity, TextMethods) {
  ASSERT_FALSE(golden["texts"].empty());
  for (const Json& row : golden["texts"]) {
    const auto text = row["text"].get<std::string>();
    EXPECT_EQ(strip(text), row["strip"].get<std::string>()) << text;
    EXPECT_EQ(right_strip(text), row["rstrip"].get<std::string>()) << text;
    EXPECT_EQ(lower(text), row["lower"].get<std::string>()) << text;
    EXPECT_EQ(code_points(text), row["length"].get<int64_t>()) << text;
    EXPECT_EQ(replace(text, "  ", " "), row["replaced"].get<std::string>()) << text;
    if (row["capitalize"].is_null()) continue;  // files of an earlier tasks.py
    EXPECT_EQ(capitalize(text), row["capitalize"].get<std::string>()) << text;
  }
}

/// Every character by itself, at the beginning of a text, and beside a capital sigma.
TEST(PythonText, LetterCases) {
  const char* directory = std::getenv("MATLORA_GOLDEN");
  const auto path =
      std::filesystem::path(directory ? directory : "/nonexistent") / "unicode_case.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing";
  const Json golden = read_json(path);
  const auto characters = [&](const char* key) {
    std::set<char32_t> result;
    const auto text = golden[key].get<std::string>();
    for (size_t offset = 0; offset < text.size();) {
      result.insert(text::next_code_point(text, offset));
    }
    return result;
  };
  const auto not_after = characters("not_after"), passed = characters("passed");
  const std::string sigma = "\u03A3", medial = "\u03C3", final = "\u03C2";
  for (const char32_t c : characters("known")) {
    const std::string one = text::utf8(c);
    const auto expected = [&](const char* key) {
      return golden[key].contains(one) ? golden[key][one].get<std::string>() : one;
    };
    ASSERT_EQ(lower(one), expected("lower")) << std::hex << static_cast<uint32_t>(c);
    ASSERT_EQ(capitalize(one), expected("capitalize")) << std::hex << static_cast<uint32_t>(c);
    if (c == 0x3A3) continue;
    const bool is_final = not_after.count(c) == 0, is_passed = passed.count(c) != 0;
    const std::string low = lower(one);
    ASSERT_EQ(lower("a" + sigma + one), "a" + (is_final ? final : medial) + low) << one;
    ASSERT_EQ(lower("a" + sigma + one + "a"),
              "a" + (is_final && !is_passed ? final : medial) + low + "a")
        << one;
    const bool cased = !is_passed && !is_final;  // the mirror image
    ASSERT_EQ(lower(one + sigma), low + (cased ? final : medial)) << one;
    ASSERT_EQ(capitalize("a" + one + sigma).substr(1), low + (cased || is_passed ? final : medial))
        << one;
  }
  for (const Json& row : golden["texts"]) {
    const auto text = row["text"].get<std::string>();
    EXPECT_EQ(lower(text), row["lower"].get<std::string>()) << text;
    EXPECT_EQ(capitalize(text), row["capitalize"].get<std::string>()) << text;
  }
}

// CONVENTIONS of lm-eval's GSM8K: what Random(1234) draws out of 7,473 training problems.
TEST(PythonRandom, GsmTrainingProblems) {
  PythonRandom random(1234);
  EXPECT_EQ(random.sample(7473, 5), (std::vector<int64_t>{6374, 3610, 957, 61, 742}));
  EXPECT_EQ(random.sample(7473, 5), (std::vector<int64_t>{7462, 6610, 4769, 286, 5501}));
}

}  // namespace
}  // namespace matlora::tasks
