// SentencePiece's BPE from GGUF: scores, bytes, long texts, files that are wrong.
#include <gtest/gtest.h>

#include <chrono>

#include "matlora/text/load/gguf.h"
#include "matlora/text/token_stream.h"
#include "matlora/text/tokenizer.h"
#include "tests/support/files.h"

namespace matlora::text {
namespace {

using Ids = std::vector<int32_t>;

GgufVocabulary tiny() {
  GgufVocabulary result;
  result.where = "tiny.gguf";
  result.model = "llama";
  result.tokens = {"<unk>", "<s>", "</s>", "<0xC3>", "<0xA9>", "▁", "a", "b", "ab", "▁a", "▁ab"};
  result.token_types = {2, 3, 3, 6, 6, 1, 1, 1, 1, 1, 1};
  result.scores = {0, 0, 0, 0, 0, -9, -9, -9, -2, -1, -3};
  result.bos_token_id = 1;
  return result;
}

TEST(ScoredPieces, JoinTheHighestScoreFirst) {
  const auto tokenizer = Tokenizer::from_gguf(tiny());
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{1, 10}));
  EXPECT_EQ(tokenizer.encode("aab é", false), (Ids{9, 8, 5, 3, 4}));
  EXPECT_EQ(tokenizer.encode("ü", false), (Ids{5, 3, 0}));
  EXPECT_EQ(tokenizer.encode("a</s>a", false), (Ids{9, 2, 9}));
  EXPECT_EQ(tokenizer.decode(Ids{1, 10, 5, 3, 4, 9}, true), "ab é a");
  TokenStream stream(tokenizer, true);
  EXPECT_EQ(stream.feed(10), "ab");
  EXPECT_EQ(stream.feed(3), "");
  EXPECT_EQ(stream.feed(4), "é");
}

TEST(ScoredPieces, LongTextsAreFast) {
  const auto tokenizer = Tokenizer::from_gguf(tiny());
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(tokenizer.encode(std::string(500'000, 'a')).empty());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(ScoredPieces, BrokenFilesAreNamed) {
  auto vocabulary = tiny();
  vocabulary.scores.pop_back();
  EXPECT_USER_ERROR(Tokenizer::from_gguf(vocabulary), "scores: expected 11 numbers");
  vocabulary = tiny();
  vocabulary.unknown_token_id = 11;
  EXPECT_USER_ERROR(Tokenizer::from_gguf(vocabulary), "unknown_token_id: expected less than 11");
}

}  // namespace
}  // namespace matlora::text
