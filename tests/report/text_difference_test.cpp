#include "matlora/report/text_difference.h"

#include <gtest/gtest.h>

#include "matlora/base/error.h"

namespace matlora::report {
namespace {

/// Changed words in [brackets].
std::string shown(const std::string& text, const std::string& before) {
  std::string out;
  for (const Word& word : changed_words(text, before)) {
    out += word.changed ? cat("[", word.text, "]") : std::string(word.text);
  }
  return out;
}

TEST(TextDifference, MarksTheWordsThatAreNew) {
  EXPECT_EQ(shown("a b c", "a b c"), "a b c");
  EXPECT_EQ(shown("a x c", "a b c"), "a [x ]c");
  EXPECT_EQ(shown("a b c", "a c"), "a [b ]c");
  EXPECT_EQ(shown("a c", "a b c"), "a c");
  EXPECT_EQ(shown("so 9 + 2 = 11", "so 9 * 2 = 18"), "so 9 [+ ]2 = [11]");
  EXPECT_EQ(shown("x y", ""), "[x ][y]");
  EXPECT_EQ(shown("", "x y"), "");
  EXPECT_EQ(shown("a b a b a", "b a b"), "[a ]b a b [a]");
}

TEST(TextDifference, WordsAreTheWholeText) {
  for (const std::string& text :
       {std::string(" a\n\nb  c "), std::string(1000, 'x'), std::string(), std::string("é\xff 中"),
        cat(std::string(39, 'x'), "é", std::string(50, 'y'))}) {
    std::string whole;
    for (const Word& word : words_of(text)) {
      EXPECT_FALSE(word.text.empty());
      whole += word.text;
      EXPECT_NE(word.text.front(), '\xa9') << "cut inside a character";
    }
    EXPECT_EQ(whole, text);
  }
  EXPECT_GT(words_of(std::string(1000, 'x')).size(), 20u);
}

TEST(TextDifference, TextsTooLongToCompareAreMarkedBetweenWhatTheyShare) {
  std::string a = "begin ", b = "begin ";
  for (int i = 0; i < 2000; ++i) a += cat("a", i, " "), b += "b ";
  a += "end", b += "end";
  const auto words = changed_words(a, b);
  EXPECT_FALSE(words.front().changed);
  EXPECT_FALSE(words.back().changed);
  EXPECT_TRUE(words[1].changed);
  EXPECT_TRUE(words[words.size() - 2].changed);
}

}  // namespace
}  // namespace matlora::report
