// A tokenizer of text instead of bytes, put together from outside: what another kind needs is in
// the stages, not in Tokenizer.
#include "matlora/text/stages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "matlora/text/decoders/kinds.h"
#include "matlora/text/token_stream.h"
#include "matlora/text/tokenizer.h"

namespace matlora::text {
namespace {

using Ids = std::vector<int32_t>;

constexpr std::string_view kSpace = "▁";  // U+2581

/// A piece is a token; else it is <unk>, 0.
class WordLevel : public Model {
 public:
  explicit WordLevel(const StringIds& ids) : ids_(ids) {}

  void encode(std::string_view piece, std::vector<int32_t>& ids) const override {
    const auto found = ids_.find(piece);
    ids.push_back(found == ids_.end() ? 0 : found->second);
  }
  bool in_bytes() const override { return false; }

 private:
  StringIds ids_;
};

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string result(text);
  for (size_t at = 0; (at = result.find(from, at)) != std::string::npos; at += to.size()) {
    result.replace(at, from.size(), to);
  }
  return result;
}

/// Spaces are marks, one more before the text (with `always` before all that is between added
/// tokens); words begin with them.
PreTokenizer::Step metaspace(bool always) {
  return [always](const Piece& piece) {
    std::string text = replace_all(piece.text, " ", kSpace);
    if ((always || piece.at_start()) && !text.starts_with(kSpace)) text.insert(0, kSpace);
    Cut cut;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find(kSpace, begin + 1), text.size());
      cut.spans.push_back({begin, end, false});
      begin = end;
    }
    cut.changed = std::move(text);
    return cut;
  };
}

Tokenizer word_tokenizer(bool always) {
  Stages stages("test");
  for (const char* token : {"<unk>", "▁a", "a", "▁b", "b", "▁", "▁ab"}) {
    stages.vocabulary.add(token, stages.vocabulary.size());
  }
  stages.added = {{.content = "<s>", .id = 7, .special = true}};
  stages.pre_tokenizer.add(metaspace(always));
  stages.model = std::make_unique<WordLevel>(stages.vocabulary.ids());
  stages.decoder.add([](std::string_view token) { return replace_all(token, kSpace, " "); });
  stages.decoder.fuse();
  add_strip(stages.decoder, " ", /*start=*/1, /*stop=*/0);
  return Tokenizer(std::move(stages));
}

struct Case {
  std::string text;
  Ids ids;
  std::string decoded, without_special;
};

void expect_cases(const Tokenizer& tokenizer, const std::vector<Case>& cases) {
  for (const auto& [text, ids, decoded, without_special] : cases) {
    EXPECT_EQ(tokenizer.encode(text), ids) << text;
    EXPECT_EQ(tokenizer.decode(ids), decoded);
    EXPECT_EQ(tokenizer.decode(ids, /*skip_special=*/true), without_special);
    TokenStream stream(tokenizer, /*skip_special=*/true);
    std::string streamed;
    for (const int32_t id : ids) streamed += stream.feed(id);
    EXPECT_EQ(streamed + stream.finish(), without_special);
  }
}

// The values are those of `tokenizers` 0.23.3 with WordLevel and Metaspace.
TEST(Stages, MakeATokenizerOfText) {
  expect_cases(word_tokenizer(/*always=*/false),
               {{"a b<s>a", {1, 3, 7, 2}, "a b<s>a", "a ba"},
                {" a", {1}, "a", "a"},
                {"<s>a b", {7, 2, 3}, "<s>a b", "a b"},
                {"a  b", {1, 5, 3}, "a  b", "a  b"},
                {"ab<s> ab b", {6, 7, 6, 3}, "ab<s> ab b", "ab ab b"},
                {"", {}, "", ""}});
  expect_cases(word_tokenizer(/*always=*/true), {{"a b<s>a", {1, 3, 7, 1}, "a b<s> a", "a b a"},
                                                 {"<s>a b", {7, 1, 3}, "<s> a b", "a b"}});
}

}  // namespace
}  // namespace matlora::text
