// Guards the cost of a training step without timing it: operator calls, allocations and the memory
// that a pack of tokens holds, on the tiny model. A bound that no longer holds says that something
// new happens in every step; raise it only knowing what.
#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "matlora/nn/gemm.h"
#include "tests/support/tiny_run.h"

namespace matlora::train {
namespace {

using tests::tiny_rule;
using tests::TinyRun;

/// Counts what the calling thread allocates through torch.
struct Allocations : c10::MemoryReportingInfoBase {
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
    now += size;
    peak = std::max(peak, now);
    if (size > 0) ++count;
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t now = 0, peak = 0;  // bytes
  int64_t count = 0;
};

int64_t operator_calls = 0;

struct Cost {
  int64_t operators, allocations, peak_bytes;
};

/// What f costs.
template <class F>
Cost cost_of(const F& f) {
  const auto allocations = std::make_shared<Allocations>();
  operator_calls = 0;
  const auto callback = at::addThreadLocalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction&)
                                     -> std::unique_ptr<at::ObserverContext> {
        ++operator_calls;
        return nullptr;
      }).scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
  {
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, allocations);
    f();
  }
  at::removeCallback(callback);
  return {operator_calls, allocations->count, allocations->peak};
}

Recipe one_pack() {
  Recipe recipe;
  recipe.max_steps = 4;
  recipe.batch_size = 6;
  recipe.grad_accum = 1;
  return recipe;
}

/// The bounds are those of the kernels' way.
class HotPath : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!nn::has_gemm()) GTEST_SKIP() << "no product kernel for this processor";
  }
};

Cost step_cost(const adapter::GateRule& rule) {
  TinyRun run(rule, one_pack());
  run.trainer.run_step();  // whatever only the first step makes
  return cost_of([&] { run.trainer.run_step(); });
}

TEST_F(HotPath, OperatorsAndAllocationsOfAStep) {
  const Cost cost = step_cost(tiny_rule(adapter::Method::matryoshka, {1, 2, 4}));
  EXPECT_GT(cost.operators, 100);  // the counter works
  EXPECT_LE(cost.operators, 1000);
  EXPECT_LE(cost.allocations, 190);
  EXPECT_LE(cost.peak_bytes, 80000);
}

TEST_F(HotPath, EveryMethodCostsTheSame) {
  const Cost lora = step_cost(tiny_rule(adapter::Method::lora, {4}));
  const Cost nested = step_cost(tiny_rule(adapter::Method::matryoshka, {1, 2, 4}));
  EXPECT_EQ(nested.operators, lora.operators);
  EXPECT_EQ(nested.peak_bytes, lora.peak_bytes);
  // A mask for each pack, and one product with it before and behind the changes of a layer.
  const Cost prefixes = step_cost(tiny_rule(adapter::Method::nested, {1, 2, 4}));
  EXPECT_LE(prefixes.operators, lora.operators + 100);
  EXPECT_LE(prefixes.peak_bytes, lora.peak_bytes + lora.peak_bytes / 20);
  const Cost sampled = step_cost(tiny_rule(adapter::Method::dylora, {1, 2, 4}));
  EXPECT_LE(sampled.operators, lora.operators);
  EXPECT_LE(sampled.peak_bytes, lora.peak_bytes);
}

// Long sequences, so that what grows with the tokens is what counts: twice the tokens hold twice
// the memory, and attention holds nothing that grows with their square.
TEST_F(HotPath, MemoryGrowsWithTheTokens) {
  TinyRun run(tiny_rule(adapter::Method::lora, {4}), one_pack());
  const auto peak = [&](int64_t n) {
    const at::Tensor tokens = tests::random_tokens(n), rows = at::arange(n - 1);
    const std::vector<int64_t> length = {n};
    run.trainer.gate().set(std::vector<double>(4, 1.0), at::kCPU);
    return cost_of([&] {
             const at::Tensor h = run.trainer.model().hidden(tokens, length, rows);
             run.trainer.model().scores(h, tokens.narrow(0, 1, n - 1)).losses.sum().backward();
           })
        .peak_bytes;
  };
  peak(16);  // gradients of A and B are there from now on
  const double growth = static_cast<double>(peak(2048)) / static_cast<double>(peak(1024));
  EXPECT_NEAR(growth, 2, 0.02);
}

}  // namespace
}  // namespace matlora::train
