#include "matlora/nn/block_memory.h"

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <fstream>

namespace matlora::nn {
namespace {

int64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  int64_t pages = 0;
  in >> pages >> pages;
  return pages * 4096;
}

at::Tensor megabytes(int64_t n) { return at::ones({n << 18}, at::kFloat); }

// Sizes that grow from pass to pass, as those of packed sequences do, with something small that
// stays behind each: what is freed must not add up.
TEST(BlockMemory, FreedBlocksAreTakenAgainOrGivenBack) {
  use_block_memory(16 << 20);
  const int64_t before = resident_bytes();
  std::vector<at::Tensor> small;
  for (int64_t pass = 0; pass < 40; ++pass) {
    const at::Tensor x = megabytes(8 + pass % 7), y = megabytes(3 + pass % 5), z = x.clone();
    EXPECT_TRUE(at::equal(x, z));
    EXPECT_EQ(y.sum().item<double>(), static_cast<double>(y.numel()));
    small.push_back(at::ones({1000}));
  }
  EXPECT_LT(resident_bytes() - before, int64_t{24} << 20);  // what waits, and a little
}

// oneDNN's products in bfloat16 take their scratch memory so.
TEST(BlockMemory, RawMemoryOfEverySize) {
  use_block_memory(8 << 20);
  c10::Allocator* const memory = c10::GetCPUAllocator();
  for (const size_t bytes : {size_t{1}, size_t{1000}, size_t{256} << 10, size_t{5} << 20}) {
    auto* const data = static_cast<char*>(memory->raw_allocate(bytes));
    std::fill_n(data, bytes, 'x');
    memory->raw_deallocate(data);
  }
}

TEST(BlockMemory, ProductsInEveryDtype) {
  use_block_memory(8 << 20);
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf, at::kDouble}) {
    const at::Tensor a = at::ones({512, 768}, dtype), b = at::ones({768, 640}, dtype);
    EXPECT_EQ(at::mm(a, b)[511][639].item<double>(), 768);
  }
}

TEST(BlockMemory, TensorsOutliveEachOther) {
  use_block_memory(8 << 20);
  at::Tensor kept = megabytes(4);
  for (int i = 0; i < 10; ++i) megabytes(4).fill_(i);
  at::Tensor other = megabytes(4).fill_(7);
  EXPECT_EQ(kept.sum().item<double>(), static_cast<double>(kept.numel()));
  kept.resize_({int64_t{3} << 18});
  EXPECT_TRUE(at::equal(kept, at::ones_like(kept)));
  EXPECT_EQ(other.min().item<double>(), 7);
}

}  // namespace
}  // namespace matlora::nn
