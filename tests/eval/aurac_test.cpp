#include "matlora/eval/aurac.h"

#include <gtest/gtest.h>

#include "matlora/base/error.h"

namespace matlora::eval {
namespace {

TEST(Aurac, ThreeRanksByHand) {
  // v1 = (1·0.3 + 2·0.5) / 3, v2 = (1·0.3 + 1·0.5) / 2
  const auto area = aurac({{1, 0.2}, {2, 0.4}, {4, 0.6}});
  ASSERT_TRUE(area);
  EXPECT_DOUBLE_EQ(area->v1, 1.3 / 3);
  EXPECT_DOUBLE_EQ(area->v2, 0.4);
  EXPECT_DOUBLE_EQ(area->avg, 0.4);
}

TEST(Aurac, UnevenLogSteps) {
  // log2 2 = 1, log2 16 = 4, log2 32 = 5: v2 = (3·0.25 + 1·0.75) / 4, v1 = (14·0.25 + 16·0.75) / 30
  const auto area = aurac({{2, 0.0}, {16, 0.5}, {32, 1.0}});
  ASSERT_TRUE(area);
  EXPECT_DOUBLE_EQ(area->v1, 15.5 / 30);
  EXPECT_DOUBLE_EQ(area->v2, 0.375);
}

TEST(Aurac, OrderDoesNotMatter) {
  const auto sorted = aurac({{1, 0.2}, {2, 0.4}, {4, 0.6}});
  const auto mixed = aurac({{4, 0.6}, {1, 0.2}, {2, 0.4}});
  ASSERT_TRUE(sorted && mixed);
  EXPECT_EQ(sorted->v1, mixed->v1);
  EXPECT_EQ(sorted->v2, mixed->v2);
}

TEST(Aurac, BaseModelIsNoPartOfIt) {
  const auto with = aurac({{0, 0.9}, {1, 0.2}, {8, 0.4}});
  ASSERT_TRUE(with);
  EXPECT_DOUBLE_EQ(with->v1, 0.3);
  EXPECT_DOUBLE_EQ(with->v2, 0.3);
}

TEST(Aurac, OneRankIsItsAccuracy) {
  const auto area = aurac({{0, 0.1}, {8, 0.7}});
  ASSERT_TRUE(area);
  EXPECT_EQ(area->v1, 0.7);
  EXPECT_EQ(area->v2, 0.7);
  EXPECT_EQ(area->avg, 0.7);
}

TEST(Aurac, NothingWithoutARank) {
  EXPECT_FALSE(aurac({}));
  EXPECT_FALSE(aurac({{0, 0.5}}));
}

TEST(Aurac, RejectsRepeatedAndNegativeRanks) {
  EXPECT_THROW(aurac({{2, 0.5}, {1, 0.1}, {2, 0.5}}), BugError);
  EXPECT_THROW(aurac({{-1, 0.5}, {1, 0.1}}), BugError);
}

}  // namespace
}  // namespace matlora::eval
