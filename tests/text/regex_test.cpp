#include "matlora/text/regex.h"

#include <gtest/gtest.h>

#include "matlora/text/pre_tokenizers/kinds.h"
#include "matlora/text/unicode.h"
#include "tests/support/files.h"

namespace matlora::text {
namespace {

using Words = std::vector<std::string>;

Words split(const std::string& pattern, const std::string& text) {
  PreTokenizer steps;
  steps.add(split(regex_pattern(Regex(pattern, "test")), Behavior::kIsolated));
  Words words;
  steps.run({text}, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

// Where \K moves a match's begin. The words are those of `tokenizers` 0.23.3.
TEST(Regex, KeepsOnlyWhatIsBehindK) {
  const std::pair<const char*, Words> cases[] = {{R"(a\Kb)", {"xa", "b", "a", "b"}},
                                                 {R"(a\K)", {"xa", "ba", "b"}},
                                                 {R"((?=a\Kb)a)", {"xa", "ba", "b"}},
                                                 {R"((?=ab\K)a)", {"xa", "ba", "b"}},
                                                 {R"((?=ab\K))", {"x", "ab", "ab"}},
                                                 {R"((?<=a\K)b)", {"xa", "b", "a", "b"}},
                                                 {R"((?<x>a\Kb){0}(?=\g<x>)a)", {"xa", "ba", "b"}},
                                                 {R"((?<x>ab\K){0}(?=\g<x>)a)", {"xa", "ba", "b"}},
                                                 {R"((?<x>ab\K){0}(?=\g<x>))", {"x", "ab", "ab"}}};
  for (const auto& [pattern, words] : cases) EXPECT_EQ(split(pattern, "xabab"), words) << pattern;
}

// `tokenizers` panics here. Nothing is lost, nothing comes twice.
TEST(Regex, AMatchNeverBeginsBeforeTheSearch) {
  for (const char* pattern :
       {R"(ab|(?<=a\Kb)c)", R"(ab|(?<=\Kab)c)", R"(b|(?<=\Kab))", R"((?<=\Kabc)|c)",
        R"((?<x>\Kab){0}(?<=\g<x>)c|ab)", R"((?=abc\K)|(?<=\Ka)b)"}) {
    for (const char* text : {"abcabcd", "abab", "zabc", "abcé"}) {
      std::string joined;
      for (const std::string& word : split(pattern, text)) joined += word;
      EXPECT_EQ(joined, text) << pattern;
    }
  }
}

TEST(Regex, SpansAreInOrderFromTheSearchOn) {
  const std::string text = "abcabcd";
  for (const char* pattern :
       {R"((?=abc\K))", R"((?<=\Kab))", R"((?=(abc\K))a)", R"((?<=(\Kab))c)"}) {
    const Regex regex(pattern, "test");
    for (size_t from = 0; from <= text.size(); ++from) {
      if (const auto match = regex.find(text, from)) {
        EXPECT_LE(from, match->first) << pattern;
        EXPECT_LE(match->first, match->second) << pattern;
      }
      const auto groups = regex.find_groups(text, from);
      if (groups.empty()) continue;
      EXPECT_LE(from, groups[0].first) << pattern;
      for (const auto& [begin, end] : groups) {
        EXPECT_LE(begin, end) << pattern;
        EXPECT_LE(end, text.size()) << pattern;
      }
    }
  }
}

std::string matched(const std::string& pattern, const std::string& text) {
  std::string result;
  const Regex regex(pattern, "test");
  for (size_t offset = 0; offset < text.size();) {
    const size_t begin = offset;
    next_code_point(text, offset);
    const std::string one = text.substr(begin, offset - begin);
    if (regex.find(one, 0)) result += one;
  }
  return result;
}

TEST(RegexClasses, AreThoseOfOniguruma) {
  EXPECT_EQ(matched(R"(\p{L})", "aé中\U00010D4A1 "), "aé中\U00010D4A");
  EXPECT_EQ(matched(R"(\p{Lu})", "aA\u1C89\uA7CB"), "A\u1C89\uA7CB");
  EXPECT_EQ(matched(R"(\p{S})", "+\u2427\U0001FADFa"), "+\u2427\U0001FADF");
  EXPECT_EQ(matched(R"(\p{Han})", "中\u3001々\U00031350a"),
            "中々\U00031350");  // not what is shared
  EXPECT_EQ(matched(R"(\p{Cn})", "a\U00010D4A\U00010D86"), "\U00010D86");
  EXPECT_EQ(matched(R"([\p{Cn}a])", "ab\U00010D4A\U00010D86"), "a\U00010D86");
  EXPECT_EQ(matched(R"([^\p{Cn}a])", "ab\U00010D4A\U00010D86"), "b\U00010D4A");
  EXPECT_EQ(matched(R"(\h)", "aAfgG0 \t"), "aAf0");  // hexadecimal digits, not spaces
  EXPECT_EQ(matched(R"([^\H])", "aAfgG0 \t"), "aAf0");
  EXPECT_EQ(matched(R"([[:punct:]])", "+a.\u2427"), "+.\u2427");
  EXPECT_EQ(matched(R"([[:^alpha:]])", "a1\u0363"), "1");
  EXPECT_EQ(matched(R"(\p{^Lu})", "aA"), "a");
  EXPECT_EQ(matched(R"(\P{^Lu})", "aA"), "A");
  EXPECT_EQ(matched(R"(\p{Uppercase_Letter})", "aA"), "A");
  EXPECT_EQ(matched(R"(\p{uppercase letter})", "aA"), "A");
}

TEST(RegexClasses, KeepTheirPlaceInBrackets) {
  EXPECT_EQ(matched(R"([\P{L}^])", "a^1"), "^1");
  EXPECT_EQ(matched(R"([^\P{L}^])", "a^1"), "a");
  EXPECT_EQ(matched(R"([a-\P{L}z])", "amz-1"), "az-1");
  EXPECT_EQ(matched(R"([\P{L}])", "a1"), "1");
  EXPECT_EQ(matched(R"([]\W])", "a]."), "].");
  EXPECT_EQ(matched(R"([\]\D])", "1]a"), "]a");
  EXPECT_EQ(matched(R"([^\W\d])", "a1."), "a");
}

TEST(RegexClasses, BordersOfWordsKnowNewLetters) {
  EXPECT_EQ(split(R"(\b)", "a\U00010D4A b"), (Words{"a\U00010D4A", " ", "b"}));
  EXPECT_EQ(split(R"(a\B)", "a\U00010D4A a"), (Words{"a", "\U00010D4A a"}));
}

TEST(RegexClasses, WrongOnesAreNamed) {
  for (const char* pattern : {"[a", "[^", "[\\p{L}", "\\p{Nothing}", "[[:nothing:]]", "\\"}) {
    EXPECT_USER_ERROR(Regex(pattern, "test"), "test: pattern '");
  }
  for (const char* pattern : {"[a&&b]", "[a[b]]"}) {
    EXPECT_USER_ERROR(Regex(pattern, "test"), "set operations in [] are not supported");
  }
}

}  // namespace
}  // namespace matlora::text
