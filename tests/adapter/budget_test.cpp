#include "matlora/adapter/budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "matlora/base/error.h"

namespace matlora::adapter {
namespace {

using Ranks = std::vector<int64_t>;

TEST(RanksWithin, TakesASmallDirectionForALargeOneBehindIt) {
  const std::vector<LayerWorth> layers = {{{1, 9}, 10}, {{4, 3}, 10}};
  EXPECT_EQ(ranks_within(layers, 10), (Ranks{1, 0}));  // the mean of 1 and 9 is above 4
  EXPECT_EQ(ranks_within(layers, 20), (Ranks{2, 0}));
  EXPECT_EQ(ranks_within(layers, 39), (Ranks{2, 1}));
  EXPECT_EQ(ranks_within(layers, 40), (Ranks{2, 2}));
}

TEST(RanksWithin, KeepsNothingThatTakesWorthAway) {
  const std::vector<LayerWorth> layers = {{{2, -1, -1}, 5}, {{-3, 1}, 5}, {{-1, 2, 0}, 5}};
  EXPECT_EQ(ranks_within(layers, 1000), (Ranks{1, 0, 2}));
}

TEST(RanksWithin, SaysWhereNothingIsWorthKeeping) {
  const std::vector<LayerWorth> layers = {{{-2, -1}, 5}, {{0}, 5}};
  EXPECT_THROW(ranks_within(layers, 1000), UserError);
}

/// The largest sum of worth within a budget, by trying everything.
double best_of_all(const std::vector<LayerWorth>& layers, size_t from, int64_t parameters) {
  if (from == layers.size()) return 0;
  double best = 0, sum = 0;
  for (size_t k = 0; k <= layers[from].worth.size(); ++k) {
    const int64_t cost = static_cast<int64_t>(k) * layers[from].cost;
    if (cost > parameters) break;
    if (k > 0) sum += layers[from].worth[k - 1];
    best = std::max(best, sum + best_of_all(layers, from + 1, parameters - cost));
  }
  return best;
}

// With equal costs and falling worth one threshold is the optimum; else it lies within one piece.
TEST(RanksWithin, IsTheOptimumOrNearIt) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    const bool simple = round % 2 == 0;
    std::vector<LayerWorth> layers(3);
    double largest = 0;
    for (LayerWorth& layer : layers) {
      layer.cost = simple ? 7 : 3 + static_cast<int64_t>(random() % 9);
      for (int k = 0; k < 4; ++k) {
        layer.worth.push_back(static_cast<double>(random() % 100) - (simple ? 0 : 20));
      }
      if (simple) std::sort(layer.worth.rbegin(), layer.worth.rend());
      const auto positive = [](double sum, double x) { return sum + std::max(x, 0.0); };
      largest =
          std::max(largest, std::accumulate(layer.worth.begin(), layer.worth.end(), 0.0, positive));
    }
    const int64_t budget = 12 + static_cast<int64_t>(random() % 80);
    const Ranks ranks = ranks_within(layers, budget);
    double worth = 0;
    int64_t cost = 0;
    for (size_t i = 0; i < layers.size(); ++i) {
      cost += ranks[i] * layers[i].cost;
      worth = std::accumulate(layers[i].worth.begin(), layers[i].worth.begin() + ranks[i], worth);
    }
    EXPECT_LE(cost, budget);
    const double best = best_of_all(layers, 0, budget);
    if (simple) {
      EXPECT_NEAR(worth, best, 1e-9);
    } else {
      EXPECT_GE(worth, best - largest);
    }
  }
}

}  // namespace
}  // namespace matlora::adapter
