#include "matlora/data/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace matlora::data {
namespace {

TEST(EpochOrder, IsAPermutation) {
  for (const int64_t count : {0, 1, 2, 1000}) {
    std::vector<int64_t> order = epoch_order(count, 0, true, 42);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, epoch_order(count, 0, false, 42));
  }
  std::vector<int64_t> plain(5);
  std::iota(plain.begin(), plain.end(), 0);
  EXPECT_EQ(epoch_order(5, 3, false, 1), plain);
}

TEST(EpochOrder, SeedAndEpochDecide) {
  const auto order = epoch_order(100, 1, true, 42);
  EXPECT_EQ(order, epoch_order(100, 1, true, 42));
  EXPECT_NE(order, epoch_order(100, 2, true, 42));
  EXPECT_NE(order, epoch_order(100, 1, true, 43));
  EXPECT_NE(order, epoch_order(100, 1, true, 42 + (uint64_t{1} << 32)));
}

// Every place is taken by every example about equally often.
TEST(EpochOrder, IsUniform) {
  int counts[4][4] = {};
  for (int64_t epoch = 0; epoch < 4000; ++epoch) {
    const auto order = epoch_order(4, epoch, true, 7);
    for (size_t i = 0; i < 4; ++i) ++counts[i][order[i]];
  }
  for (const auto& row : counts) {
    for (const int count : row) EXPECT_NEAR(count, 1000, 150);
  }
}

}  // namespace
}  // namespace matlora::data
