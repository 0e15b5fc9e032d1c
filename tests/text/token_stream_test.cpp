#include "matlora/text/token_stream.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/text/byte_level.h"
#include "matlora/text/decoders/kinds.h"
#include "matlora/text/models/byte_level_bpe.h"
#include "matlora/text/stages.h"

namespace matlora::text {
namespace {

using Ids = std::vector<int32_t>;

constexpr int32_t kSpecial = 258, kLast = 300;

/// A token for each byte (id = byte), 256 "ab", 257 the first two bytes of "€", 258 "<s>"
/// (special), 300 "z9"; no other ids. Added tokens "日" (259).
Stages stages() {
  Stages result("test");
  for (int byte = 0; byte < 256; ++byte) {
    result.vocabulary.add(to_byte_characters(std::string(1, static_cast<char>(byte))), byte);
  }
  result.vocabulary.add("ab", 256);
  result.vocabulary.add(to_byte_characters("\xE2\x82"), 257);
  result.vocabulary.add("z9", kLast);
  result.added = {{.content = "<s>", .id = kSpecial, .special = true},
                  {.content = "日", .id = 259}};
  const std::string half = to_byte_characters("\xE2"), other_half = to_byte_characters("\x82");
  result.model = std::make_unique<ByteLevelBpe>(
      result.vocabulary, MergePairs{{"a", "b"}, {half, other_half}}, BpeOptions{}, "test");
  result.pre_tokenizer.end_in_bytes();
  add_byte_level(result.decoder);
  return result;
}

/// The ids in pieces of random sizes, 0 to 3.
std::string streamed(TokenStream& stream, const Ids& ids, std::mt19937& random) {
  std::string text;
  std::span<const int32_t> rest(ids);
  while (!rest.empty()) {
    const size_t n = std::min<size_t>(rest.size(), random() % 4);
    const std::string part = stream.feed(rest.first(n));
    EXPECT_EQ(find_invalid_utf8(part), std::string::npos);
    text += part;
    rest = rest.subspan(n);
  }
  return text + stream.finish();
}

TEST(TokenStream, HoldsBackACharacterUntilItIsWhole) {
  const Tokenizer tokenizer(stages());
  TokenStream stream(tokenizer);
  EXPECT_EQ(stream.feed('x'), "x");
  EXPECT_EQ(stream.feed(257), "");
  EXPECT_EQ(stream.feed(0xAC), "€");
  EXPECT_EQ(stream.feed(257), "");
  EXPECT_EQ(stream.feed(261), "");  // an id without a token
  EXPECT_EQ(stream.feed(256), "\uFFFDab");
  EXPECT_EQ(stream.feed(0xC3), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TokenStream, LeavesOutSpecialTokens) {
  const Tokenizer tokenizer(stages());
  const Ids ids = {kSpecial, 257, kSpecial, 0xAC, 259, kSpecial};
  TokenStream all(tokenizer), shown(tokenizer, /*skip_special=*/true);
  EXPECT_EQ(all.feed(ids) + all.finish(), "<s>\uFFFD<s>\uFFFD日<s>");
  EXPECT_EQ(shown.feed(ids) + shown.finish(), "€日");
}

TEST(TokenStream, AnySplitGivesTheTextOfTheWhole) {
  const Tokenizer tokenizer(stages());
  std::mt19937 random(5);
  const std::string text = "héllo ab \xF0\x9F\x98\x80\r\n €€ 中文 e\xCC\x81<s> ab";
  for (const bool skip_special : {false, true}) {
    TokenStream stream(tokenizer, skip_special);
    for (int round = 0; round < 200; ++round) {
      const Ids ids = tokenizer.encode(text);
      EXPECT_EQ(streamed(stream, ids, random), tokenizer.decode(ids, skip_special));
      Ids any(random() % 40);
      for (int32_t& id : any) id = static_cast<int32_t>(random() % (kLast + 10));
      EXPECT_EQ(streamed(stream, any, random), valid_utf8(tokenizer.decode(any, skip_special)));
    }
  }
}

/// As SentencePiece has it: the first space of a text is no part of it.
TEST(TokenStream, TheStartOfATextMayDiffer) {
  Stages parts = stages();
  add_strip(parts.decoder, " ", /*start=*/1, /*stop=*/0);
  const Tokenizer tokenizer(std::move(parts));
  const Ids ids = {' ', 'a', ' ', 257, 0xAC};
  EXPECT_EQ(tokenizer.decode(ids), "a €");
  std::mt19937 random(6);
  TokenStream stream(tokenizer);
  for (int round = 0; round < 50; ++round) EXPECT_EQ(streamed(stream, ids, random), "a €");
}

}  // namespace
}  // namespace matlora::text
