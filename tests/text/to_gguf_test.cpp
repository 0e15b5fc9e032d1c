// From tokenizer.json to a GGUF vocabulary and back, over the golden tokenizers of real models'
// kinds.
#include "matlora/text/load/to_gguf.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "matlora/text/load/probe_texts.h"
#include "matlora/text/tokenizer.h"
#include "tests/support/files.h"

namespace matlora::text {
namespace {

struct ToGguf : ::testing::Test {
  test::TempDir dir;

  std::filesystem::path golden(const std::string& kind) {
    const char* directory = std::getenv("MATLORA_GOLDEN");
    return std::filesystem::path(directory ? directory : "/nonexistent") /
           ("tokenizer_" + kind + ".json");
  }
};

TEST_F(ToGguf, ThereAndBackGivesTheSameTokens) {
  for (const auto& [kind, model] : {std::pair("gpt2", "gpt2"),
                                    {"llama3", "gpt2"},
                                    {"qwen2", "gpt2"},
                                    {"smollm", "gpt2"},
                                    {"llama2", "llama"}}) {
    const std::filesystem::path path = golden(kind);
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
    const Tokenizer own = Tokenizer::from_json(path);
    const GgufVocabulary vocabulary = to_gguf(path, own.vocab_size() + 3);
    EXPECT_EQ(vocabulary.model, model) << kind;
    ASSERT_EQ(static_cast<int64_t>(vocabulary.tokens.size()), own.vocab_size() + 3) << kind;
    EXPECT_TRUE(vocabulary.tokens.back().starts_with("[PAD")) << kind;
    EXPECT_TRUE(same_tokens(own, Tokenizer::from_gguf(vocabulary))) << kind;
    const std::string json = to_tokenizer_json(vocabulary).dump();
    EXPECT_TRUE(same_tokens(own, Tokenizer::from_json(dir.write(cat(kind, ".json"), json))))
        << kind;
  }
}

TEST_F(ToGguf, WhatHasNoWordsIsRefused) {
  for (const char* kind : {"whitespace", "digits", "lowercase", "punctuation"}) {
    const std::filesystem::path path = golden(kind);
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
    const std::string message =
        test::user_error([&] { to_gguf(path, Tokenizer::from_json(path).vocab_size()); });
    EXPECT_TRUE(test::contains(message, "has no words in a GGUF file")) << kind;
  }
  const std::string unigram = R"({"model": {"type": "Unigram", "vocab": []}})";
  EXPECT_USER_ERROR(to_gguf(dir.write("u.json", unigram), 5), "a tokenizer of the model Unigram");
}

}  // namespace
}  // namespace matlora::text
