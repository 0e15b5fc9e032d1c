#include "matlora/eval/within.h"

#include <gtest/gtest.h>

#include "matlora/base/error.h"

namespace matlora::eval {
namespace {

int64_t smallest(const std::vector<RankAccuracy>& points, const std::string& within) {
  const auto found = smallest_rank_within(points, parse_within(within, "--within"));
  return found ? found->rank : -1;
}

TEST(Within, ReadsSharesAndDifferences) {
  const Within share = parse_within("1%", "x");
  EXPECT_TRUE(share.relative);
  EXPECT_DOUBLE_EQ(share.amount, 0.01);
  EXPECT_EQ(share.text, "1%");
  const Within difference = parse_within("0.01", "x");
  EXPECT_FALSE(difference.relative);
  EXPECT_DOUBLE_EQ(difference.amount, 0.01);
  for (const char* text : {"0", "0%", "1", "100%", "1e-3", "2.5%", ".5"}) {
    EXPECT_NO_THROW(parse_within(text, "x")) << text;
  }
}

TEST(Within, RefusesOtherTexts) {
  for (const char* text : {"", "%", "one", "1 %", " 1%", "1%%", "1%x", "-1%", "-0.1", "101%", "1.5",
                           "nan", "nan%", "inf", "0x1", "1e999", "+1%", "0,5"}) {
    EXPECT_THROW(parse_within(text, "--within"), UserError) << text;
  }
  try {
    parse_within("5", "--within");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "--within: expected a share of the best value (0%..100%) or a difference from it "
                 "(0..1), got '5'; try 1% or 0.01");
  }
}

TEST(Within, RelativeAndAbsoluteByHand) {
  // 2% of 0.5 is 0.01: 0.49 is good enough, 0.4899 is not.
  const std::vector<RankAccuracy> points = {{1, 0.3}, {2, 0.4899}, {4, 0.49}, {8, 0.5}, {16, 0.45}};
  EXPECT_EQ(smallest(points, "2%"), 4);
  EXPECT_EQ(smallest(points, "0.02"), 2);
  EXPECT_EQ(smallest(points, "0.001"), 8);
  EXPECT_EQ(smallest(points, "0"), 8);
  EXPECT_EQ(smallest(points, "0.2"), 1);
  EXPECT_EQ(smallest(points, "100%"), 1);
  const auto found = smallest_rank_within(points, parse_within("2%", "x"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value, 0.49);
  EXPECT_EQ(found->best_rank, 8);
  EXPECT_EQ(found->best, 0.5);
}

TEST(Within, ADifferenceThatIsExactInDecimalsCounts) {
  ASSERT_LT(0.7, 0.8 - 0.1);  // in binary
  EXPECT_EQ(smallest({{1, 0.7}, {2, 0.8}}, "0.1"), 1);
}

TEST(Within, TiesGoToTheSmallerRank) {
  const auto found = smallest_rank_within({{8, 0.5}, {2, 0.5}, {4, 0.5}}, parse_within("0", "x"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->rank, 2);
  EXPECT_EQ(found->best_rank, 2);
}

TEST(Within, TheSmallestRankMayBeTheBest) {
  const auto found = smallest_rank_within({{1, 0.6}, {2, 0.5}, {4, 0.4}}, parse_within("1%", "x"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->rank, 1);
  EXPECT_EQ(found->best_rank, 1);
}

TEST(Within, TheBaseModelIsNoAnswer) {
  // Neither chosen nor the best that others are compared with.
  EXPECT_EQ(smallest({{0, 0.9}, {1, 0.3}, {2, 0.5}}, "1%"), 2);
  EXPECT_EQ(smallest({{0, 0.9}}, "1%"), -1);
  EXPECT_EQ(smallest({}, "1%"), -1);
}

TEST(Within, AllAtZero) { EXPECT_EQ(smallest({{1, 0}, {2, 0}}, "1%"), 1); }

}  // namespace
}  // namespace matlora::eval
