#include "matlora/data/prompts.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_tokenizer.h"

namespace matlora::data {
namespace {

using tests::expect_has;
using tests::user_error;

class ReadPrompts : public ::testing::Test {
 protected:
  std::vector<Prompt> read(const std::string& lines, int64_t limit = 0, bool with_bos = true) {
    const auto path =
        directory_.write("tokenizer.json", pretty(tests::tiny_tokenizer_json(with_bos)));
    return read_prompts(directory_.write("data.jsonl", lines), text::Tokenizer::from_json(path),
                        limit);
  }

  tests::TempDir directory_;
};

TEST_F(ReadPrompts, PromptsAndQuestionsAmongOtherFields) {
  const auto prompts = read(R"({"prompt": "AB", "completion": "C"})"
                            "\n\n"
                            R"({"question": "1?", "answer": "2"})");
  ASSERT_EQ(prompts.size(), 2u);
  EXPECT_EQ(prompts[0].tokens, (std::vector<int32_t>{tests::kBos, 33, 34}));
  expect_has(prompts[0].where, "data.jsonl:1");
  EXPECT_EQ(prompts[1].tokens.size(), 1 + question_prompt("1?").size());
  EXPECT_EQ(question_prompt("1?"), "Question: 1?\nAnswer: ");
  expect_has(prompts[1].where, "data.jsonl:3");
}

TEST_F(ReadPrompts, TheFirstOnes) {
  EXPECT_EQ(read("{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n{\"prompt\": 3}\n", 2).size(), 2u);
  EXPECT_TRUE(read(R"({"prompt": ""})", 0, /*with_bos=*/false)[0].tokens.empty());
}

TEST_F(ReadPrompts, NamesTheBrokenLine) {
  const std::string good = "{\"prompt\": \"a\"}\n";
  expect_has(user_error([&] { read(good + R"({"prompt": 5})"); }), "data.jsonl:2");
  expect_has(user_error([&] { read(good + R"({"text": "a"})"); }), "data.jsonl:2");
  expect_has(user_error([&] { read(good + good + R"({"prompt)"); }), "data.jsonl:3");
  expect_has(user_error([&] { read(""); }), "data.jsonl");
}

}  // namespace
}  // namespace matlora::data
