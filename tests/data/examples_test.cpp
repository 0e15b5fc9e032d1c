#include "matlora/data/examples.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_tokenizer.h"

namespace matlora::data {
namespace {

using tests::expect_has;
using tests::kBos;
using tests::kEos;
using tests::user_error;

class ReadExamples : public ::testing::Test {
 protected:
  Examples read(const std::string& lines, ExampleOptions options = {}, bool with_bos = false) {
    const auto path =
        directory_.write("tokenizer.json", pretty(tests::tiny_tokenizer_json(with_bos)));
    if (options.eos_id == -1) options.eos_id = kEos;
    return read_examples(directory_.write("data.jsonl", lines), text::Tokenizer::from_json(path),
                         options);
  }

  tests::TempDir directory_;
};

std::vector<int32_t> ids_of(const std::string& text) {
  std::vector<int32_t> ids;
  for (const char byte : text) ids.push_back(byte == '\n' ? 97 : byte - 0x20);
  return ids;
}

std::vector<int32_t> joined(std::vector<int32_t> head, const std::vector<int32_t>& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

TEST_F(ReadExamples, QuestionAndAnswer) {
  const Examples examples = read(R"({"question": "1+1?", "answer": "2"})");
  ASSERT_EQ(examples.items.size(), 1u);
  const std::string prompt = "Question: 1+1?\nAnswer: ";
  EXPECT_EQ(examples.items[0].tokens, joined(ids_of(prompt + "2"), {kEos}));
  EXPECT_EQ(examples.items[0].first_label, static_cast<int64_t>(prompt.size()));
  EXPECT_EQ(examples.items[0].label_tokens(), 2);
  EXPECT_EQ(examples.truncated, 0);
}

TEST_F(ReadExamples, BosStandsBeforeThePromptOrTextOnly) {
  const Examples examples =
      read("{\"prompt\": \"ab\", \"completion\": \"c\"}\n{\"text\": \"xy\"}\n", {}, true);
  EXPECT_EQ(examples.items[0].tokens, joined({kBos}, joined(ids_of("abc"), {kEos})));
  EXPECT_EQ(examples.items[0].first_label, 3);
  EXPECT_EQ(examples.items[1].tokens, joined({kBos}, joined(ids_of("xy"), {kEos})));
  EXPECT_EQ(examples.items[1].first_label, 1);
}

// Nothing predicts the first token of a text.
TEST_F(ReadExamples, TextLearnsAllButItsFirstToken) {
  const Examples examples = read(R"({"text": "xyz"})");
  EXPECT_EQ(examples.items[0].tokens, joined(ids_of("xyz"), {kEos}));
  EXPECT_EQ(examples.items[0].first_label, 1);
}

TEST_F(ReadExamples, LongRecordsAreCutAtTheEnd) {
  ExampleOptions options;
  options.max_length = 4;
  const Examples examples =
      read("{\"prompt\": \"ab\", \"completion\": \"cdef\"}\n{\"text\": \"abc\"}\n", options);
  EXPECT_EQ(examples.items[0].tokens, ids_of("abcd"));
  EXPECT_EQ(examples.items[0].label_tokens(), 2);
  EXPECT_EQ(examples.items[1].tokens.size(), 4u);
  EXPECT_EQ(examples.truncated, 1);
}

TEST_F(ReadExamples, ThePromptMustLeaveRoom) {
  ExampleOptions options;
  options.max_length = 3;
  const std::string message = user_error([&] {
    read("{\"text\": \"a\"}\n\n{\"prompt\": \"abc\", \"completion\": \"d\"}\n", options);
  });
  expect_has(message, "data.jsonl:3: no label tokens");
}

TEST_F(ReadExamples, Limit) {
  ExampleOptions options;
  options.limit = 2;
  EXPECT_EQ(read("{\"text\":\"a\"}\n{\"text\":\"b\"}\nnot json\n", options).items.size(), 2u);
}

TEST_F(ReadExamples, BrokenRecordsNameFileAndLine) {
  const std::string good = "{\"text\": \"a\"}\n";
  expect_has(user_error([&] { read(good + "{\"quest\": \"a\"}"); }),
             "data.jsonl:2: unknown form of record");
  expect_has(user_error([&] { read(good + "{\"text\": 3}"); }), "data.jsonl:2: 'text'");
  expect_has(user_error([&] { read(good + "{\"text\": \"\"}"); }), "data.jsonl:2: ");
  expect_has(user_error([&] { read(good + "{\"text\": "); }), "data.jsonl:2: ");
}

}  // namespace
}  // namespace matlora::data
