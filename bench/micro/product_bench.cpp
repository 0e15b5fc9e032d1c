// GFLOP/s of the products in a training step of SmolLM2-135M at rank 32, beside ATen's.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include "matlora/nn/product.h"

namespace {

constexpr int64_t kTokens = 512;

/// Depth and columns: attention, feed-forward up and down, A of a group of three, B.
void shapes(benchmark::internal::Benchmark* b) {
  for (const auto& [depth, columns] :
       {std::pair{576, 576}, {576, 192}, {576, 1536}, {1536, 576}, {576, 96}, {32, 1536}}) {
    b->Args({depth, columns});
  }
  b->Unit(benchmark::kMicrosecond)->UseRealTime();
}

template <class F>
void run(benchmark::State& state, const F& f) {
  for ([[maybe_unused]] auto iteration : state) f();
  const double operations = 2.0 * kTokens * static_cast<double>(state.range(0) * state.range(1));
  state.counters["FLOP/s"] = benchmark::Counter(
      operations * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

/// x·wᵀ, as a linear layer forward.
void forward(benchmark::State& state) {
  const at::Tensor x = at::randn({kTokens, state.range(0)});
  const at::Tensor w = at::randn({state.range(1), state.range(0)});
  at::Tensor y = at::empty({kTokens, state.range(1)});
  run(state, [&] { matlora::nn::multiply(x, w.t(), y, false); });
}
void forward_aten(benchmark::State& state) {
  const at::Tensor x = at::randn({kTokens, state.range(0)});
  const at::Tensor w = at::randn({state.range(1), state.range(0)});
  at::Tensor y = at::empty({kTokens, state.range(1)});
  run(state, [&] { at::mm_out(y, x, w.t()); });
}
/// dy·w, as a linear layer backward.
void backward(benchmark::State& state) {
  const at::Tensor dy = at::randn({kTokens, state.range(0)});
  const at::Tensor w = at::randn({state.range(0), state.range(1)});
  at::Tensor dx = at::empty({kTokens, state.range(1)});
  run(state, [&] { matlora::nn::multiply(dy, w, dx, false); });
}
void backward_aten(benchmark::State& state) {
  const at::Tensor dy = at::randn({kTokens, state.range(0)});
  const at::Tensor w = at::randn({state.range(0), state.range(1)});
  at::Tensor dx = at::empty({kTokens, state.range(1)});
  run(state, [&] { at::mm_out(dx, dy, w); });
}
BENCHMARK(forward)->Apply(shapes);
BENCHMARK(forward_aten)->Apply(shapes);
BENCHMARK(backward)->Apply(shapes);
BENCHMARK(backward_aten)->Apply(shapes);

/// dyᵀ·h, the gradient of B: the depth is the tokens.
void gradient_of_b(benchmark::State& state) {
  const at::Tensor dy = at::randn({kTokens, 1536}), h = at::randn({kTokens, 32});
  at::Tensor db = at::empty({1536, 32});
  for ([[maybe_unused]] auto iteration : state) matlora::nn::multiply(dy.t(), h, db, false);
}
void gradient_of_b_aten(benchmark::State& state) {
  const at::Tensor dy = at::randn({kTokens, 1536}), h = at::randn({kTokens, 32});
  at::Tensor db = at::empty({1536, 32});
  for ([[maybe_unused]] auto iteration : state) at::mm_out(db, dy.t(), h);
}
BENCHMARK(gradient_of_b)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK(gradient_of_b_aten)->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace
