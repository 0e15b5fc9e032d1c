#include "matlora/data/packing.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "matlora/base/error.h"

namespace matlora::data {
namespace {

using Ids = std::vector<int64_t>;

Ids values(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<int64_t>(), tensor.const_data_ptr<int64_t>() + tensor.numel()};
}

const std::vector<Example> kItems = {
    {{10, 11, 12, 13}, 2}, {{20, 21, 22}, 1}, {{30, 31, 32, 33, 34}, 4}};

TEST(Pack, RowsPredictTheNextToken) {
  const Pack packed = pack(kItems, Ids{2, 0, 1}, at::kCPU);
  EXPECT_EQ(values(packed.tokens), (Ids{30, 31, 32, 33, 34, 10, 11, 12, 13, 20, 21, 22}));
  EXPECT_EQ(packed.lengths, (Ids{5, 4, 3}));
  EXPECT_EQ(values(packed.rows), (Ids{3, 6, 7, 9, 10}));
  EXPECT_EQ(values(packed.labels), (Ids{34, 12, 13, 21, 22}));
  EXPECT_EQ(packed.label_counts, (Ids{1, 2, 2}));
  EXPECT_EQ(packed.token_count(), 12);
  EXPECT_EQ(packed.label_count(), 5);
  EXPECT_TRUE(at::equal(packed.tokens.index_select(0, packed.rows + 1), packed.labels));
}

TEST(Pack, OfNothingIsABug) { EXPECT_THROW(pack(kItems, Ids{}, at::kCPU), BugError); }

TEST(SplitByTokens, FillsUpToTheBudgetInOrder) {
  const Ids all = {0, 1, 2};  // 4, 3 and 5 tokens
  EXPECT_EQ(split_by_tokens(kItems, all, 12), (std::vector<Ids>{{0, 1, 2}}));
  EXPECT_EQ(split_by_tokens(kItems, all, 11), (std::vector<Ids>{{0, 1}, {2}}));
  EXPECT_EQ(split_by_tokens(kItems, all, 7), (std::vector<Ids>{{0, 1}, {2}}));
  EXPECT_EQ(split_by_tokens(kItems, all, 6), (std::vector<Ids>{{0}, {1}, {2}}));
  EXPECT_EQ(split_by_tokens(kItems, all, 1), (std::vector<Ids>{{0}, {1}, {2}}));
  EXPECT_TRUE(split_by_tokens(kItems, Ids{}, 7).empty());
}

}  // namespace
}  // namespace matlora::data
