// nn's kernels beside their twins in ATen's operations: forward and backward at the shapes of 512
// tokens of SmolLM2-135M.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <vector>

#include "matlora/nn/loss.h"
#include "matlora/nn/packed_attention.h"
#include "matlora/nn/rms_norm.h"
#include "matlora/nn/rope.h"
#include "matlora/nn/swiglu.h"

namespace {

using namespace matlora::nn;

constexpr int64_t kTokens = 512;

at::Tensor leaf(at::IntArrayRef shape) { return at::randn(shape).requires_grad_(); }

/// y = f() and the gradients of `leaves`, which are dropped again.
template <class F>
void forward_and_backward(benchmark::State& state, std::vector<at::Tensor> leaves, const F& f) {
  const at::Tensor dy = at::ones_like(f()).detach();
  for ([[maybe_unused]] auto iteration : state) {
    f().backward(dy);
    for (at::Tensor& leaf : leaves) leaf.mutable_grad() = at::Tensor();
  }
}

template <class F>
void norm(benchmark::State& state, const F& f) {
  const at::Tensor x = leaf({kTokens, 576}), weight = at::ones({576});
  forward_and_backward(state, {x}, [&] { return f(x, weight, 1e-5); });
}

template <class F>
void gated_unit(benchmark::State& state, const F& f) {
  const at::Tensor gate = leaf({kTokens, 1536}), up = leaf({kTokens, 1536});
  forward_and_backward(state, {gate, up}, [&] { return f(gate, up); });
}

template <class F>
void rope(benchmark::State& state, const F& f) {
  const at::Tensor x = leaf({kTokens, 9, 64});
  const at::Tensor frequencies = at::tensor(rope_frequencies(64, 10000), at::kFloat);
  const Rotation turn = rotation(at::arange(kTokens), {frequencies}, at::kFloat);
  forward_and_backward(state, {x}, [&] { return f(x, turn); });
}

template <class F>
void attention(benchmark::State& state, const F& f) {
  const at::Tensor q = leaf({kTokens, 9, 64}), k = leaf({kTokens, 3, 64}),
                   v = leaf({kTokens, 3, 64});
  const std::vector<int64_t> lengths = {200, 150, 162};
  forward_and_backward(state, {q, k, v}, [&] { return f(q, k, v, lengths); });
}

template <class F>
void labels(benchmark::State& state, const F& f) {
  const at::Tensor h = leaf({256, 576}), weight = at::randn({49152, 576});
  const at::Tensor ids = at::arange(256);
  forward_and_backward(state, {h}, [&] { return f(h, weight, ids).losses; });
}

BENCHMARK_CAPTURE(norm, kernel, rms_norm)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK_CAPTURE(norm, plain, plain_rms_norm)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK_CAPTURE(gated_unit, kernel, swiglu)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK_CAPTURE(gated_unit, plain, plain_swiglu)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK_CAPTURE(rope, kernel, rotate)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK_CAPTURE(rope, plain, plain_rotate)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK_CAPTURE(attention, kernel, packed_attention)
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(attention, plain, plain_packed_attention)
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(labels, kernel, score_labels)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(labels, plain, plain_score_labels)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
