#include "matlora/train/rank_draw.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/support/temp_dir.h"

namespace matlora::train {
namespace {

adapter::GateRule rule_of(int64_t rank, std::vector<int64_t> train_ranks) {
  adapter::GateRule rule;
  rule.method = adapter::Method::nested;
  rule.rank = rank;
  rule.train_ranks = std::move(train_ranks);
  return rule;
}

RankWeights parse(const std::string& text) {
  return parse_rank_weights(text, rule_of(16, {1, 2, 4, 8, 16}), "--rank-weights");
}

TEST(RankWeights, WhatIsNotNamedSharesTheRest) {
  EXPECT_EQ(parse("full:0.5").first, (std::vector<double>{0.125, 0.125, 0.125, 0.125, 0.5}));
  EXPECT_EQ(parse("16:0.5,1:0.5").last, (std::vector<double>{0.5, 0, 0, 0, 0.5}));
  EXPECT_EQ(parse("full:1").first, (std::vector<double>{0, 0, 0, 0, 1}));
  // R counts where it is not a train rank.
  const RankWeights six = parse_rank_weights("full:0.5", rule_of(6, {1, 2, 4}), "x");
  EXPECT_EQ(six.ranks, (std::vector<int64_t>{1, 2, 4, 6}));
  EXPECT_EQ(parse_rank_weights("full:0.5", rule_of(3, {3}), "x").first, std::vector<double>{1});
}

TEST(RankWeights, MoveFromTheBeginToTheEnd) {
  const RankWeights weights = parse("full:0.75..0.25,1:0.25..0");
  EXPECT_EQ(weights.first, (std::vector<double>{0.25, 0, 0, 0, 0.75}));
  EXPECT_EQ(weights.last, (std::vector<double>{0, 0.25, 0.25, 0.25, 0.25}));
  EXPECT_EQ(weights.at(0, 2), (std::vector<double>{0.1875, 0.0625, 0.0625, 0.0625, 0.625}));
  EXPECT_EQ(weights.at(0, 1), weights.at(5, 11));  // the middle
  EXPECT_EQ(parse("full:0.5").at(3, 10), parse("full:0.5").first);
}

TEST(RankWeights, RefusesWhatIsNoDistribution) {
  for (const char* text :
       {"", "full", "full:", "full:2", "full:-1", "full:nan", "3:0.5", "0:1", "full:0.5;", "x:0.5",
        "full:0.5,", "32:0.5", "full:0.5..", "full:..1", "full:0.1..1.1"}) {
    tests::expect_has(tests::user_error([&] { parse(text); }), "--rank-weights: expected RANK:");
  }
  tests::expect_has(tests::user_error([] { parse("full:0.5,16:0.1"); }), "rank 16 twice");
  tests::expect_has(tests::user_error([] { parse("1:0.7,2:0.7"); }), "sum is 1.4; expected 1");
  tests::expect_has(tests::user_error([] { parse("1:0.1,2:0.1,4:0.1,8:0.1,16:0.1"); }),
                    "sum is 0.5; expected 1");
  tests::expect_has(tests::user_error([] { parse("full:0.5..1,1:0.5"); }),
                    "sum is 1.5; expected 1");
}

std::vector<int64_t> drawn(const RankWeights& weights, uint64_t seed, int64_t step, size_t count) {
  return draw_ranks(weights.ranks, weights.first, seed, step, count);
}

TEST(DrawRanks, EveryStepHasItsShares) {
  const RankWeights weights = parse("full:0.5");
  std::set<std::vector<int64_t>> orders;
  for (int64_t step = 0; step < 50; ++step) {
    const std::vector<int64_t> ranks = drawn(weights, 42, step, 8);
    std::map<int64_t, int> count;
    for (const int64_t rank : ranks) ++count[rank];
    EXPECT_EQ(count, (std::map<int64_t, int>{{1, 1}, {2, 1}, {4, 1}, {8, 1}, {16, 4}}));
    EXPECT_EQ(ranks, drawn(weights, 42, step, 8));
    orders.insert(ranks);
  }
  EXPECT_GT(orders.size(), 40u);
  EXPECT_NE(drawn(weights, 42, 0, 8), drawn(weights, 43, 0, 8));
}

// Where the shares are no whole numbers they hold over many steps: 3 of 10,000 standard errors.
TEST(DrawRanks, SharesHoldOverManySteps) {
  const RankWeights weights = parse("1:0.1,full:0.4");
  std::map<int64_t, int> count;
  for (int64_t step = 0; step < 2000; ++step) {
    for (const int64_t rank : drawn(weights, 1, step, 3)) ++count[rank];
  }
  for (size_t i = 0; i < weights.ranks.size(); ++i) {
    EXPECT_NEAR(count[weights.ranks[i]] / 6000.0, weights.first[i], 0.02) << weights.ranks[i];
  }
}

}  // namespace
}  // namespace matlora::train
