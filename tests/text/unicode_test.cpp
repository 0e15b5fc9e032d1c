#include "matlora/text/unicode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace matlora::text {
namespace {

// U+0323 (class 220) goes before U+0301 (230); marks of one class stay as they are.
TEST(NormalForms, MarksGoInOrder) {
  EXPECT_EQ(normalize("x\u0301\u0323\u0300\u0324", NormalForm::kNfd), "x\u0323\u0324\u0301\u0300");
  EXPECT_EQ(normalize("\u0301\u0323", NormalForm::kNfd), "\u0323\u0301");
  EXPECT_EQ(normalize("a\u0301\u0323b\u0301\u0323", NormalForm::kNfc), "\u1EA1\u0301\u1E05\u0301");
  EXPECT_EQ(normalize("é\u0323", NormalForm::kNfd), "e\u0323\u0301");
  EXPECT_EQ(normalize("각", NormalForm::kNfd), "\u1100\u1161\u11A8");
  EXPECT_EQ(normalize("\u1100\u1161\u11A8", NormalForm::kNfc), "각");
  EXPECT_EQ(normalize("\uFDFA", NormalForm::kNfkd).size(), 33u);  // the longest: 18 characters
  EXPECT_EQ(normalize("ﬁ²", NormalForm::kNfkc), "fi2");
  EXPECT_EQ(normalize("ﬁ²", NormalForm::kNfc), "ﬁ²");
}

/// Seconds for a text of `count` marks in the worst order, the best of three.
double seconds(size_t count, NormalForm form) {
  std::string text = "a";
  for (size_t i = 0; i < count; ++i) text += i < count / 2 ? "\u0301" : "\u0323";
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(normalize(text, form).size() + 4 > text.size(), true);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count());
  }
  return best;
}

// 16 times the text takes some 16 times as long; where neighbours were exchanged, 256 times.
TEST(NormalForms, AreNotQuadraticInMixedMarks) {
  for (const NormalForm form :
       {NormalForm::kNfc, NormalForm::kNfd, NormalForm::kNfkc, NormalForm::kNfkd}) {
    EXPECT_LT(seconds(64000, form), 64 * seconds(4000, form));
  }
}

}  // namespace
}  // namespace matlora::text
