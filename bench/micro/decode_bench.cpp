// Steps of decoding SmolLM2-135M ($MATLORA_MODEL) with a rank-32 adapter on all seven linear
// layers, after 128 tokens each; and the products with few rows that they consist of.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "matlora/adapter/attach.h"
#include "matlora/adapter/bank.h"
#include "matlora/model/load.h"
#include "matlora/nn/product.h"

namespace {

constexpr int64_t kPromptTokens = 128;

/// The real model with random A and B; null where there is none.
matlora::model::Model* adapted_model(at::ScalarType dtype) {
  namespace adapter = matlora::adapter;
  static std::map<at::ScalarType, matlora::model::Model> models;
  const char* path = std::getenv("MATLORA_MODEL");
  if (path == nullptr) return nullptr;
  if (const auto found = models.find(dtype); found != models.end()) return &found->second;
  auto& model = models.emplace(dtype, matlora::model::load(path, dtype, at::kCPU)).first->second;
  adapter::Adapter lora;
  lora.rule.rank = 32;
  const std::vector<std::string> all = {"all-linear"};
  lora.layers = adapter::new_layers(model.decoder, all, 32, adapter::Init::paper, 1);
  for (adapter::LayerAdapter& layer : lora.layers) layer.b.normal_(0, 0.01);
  model.decoder = adapter::with_adapter(model.decoder, lora, 32, adapter::InferenceGate::paper);
  return &model;
}

/// Arguments: sequences, whether in bfloat16.
void decode_step(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const auto* model = adapted_model(state.range(1) != 0 ? at::kBFloat16 : at::kFloat);
  if (model == nullptr) return state.SkipWithError("MATLORA_MODEL is not set");
  matlora::nn::KvCache cache = model->decoder.make_cache();
  std::vector<matlora::nn::NewTokens> prompts, next;
  for (int64_t i = 0; i < state.range(0); ++i) {
    const int64_t slot = cache.open(kPromptTokens + 1000);
    prompts.push_back({slot, kPromptTokens});
    next.push_back({slot, 1});
  }
  const at::Tensor tokens = at::randint(0, 10000, {state.range(0) * kPromptTokens}, at::kLong);
  model->decoder.hidden(tokens, prompts, cache);
  const at::Tensor one = tokens.narrow(0, 0, state.range(0));
  for ([[maybe_unused]] auto iteration : state) {
    benchmark::DoNotOptimize(model->decoder.logits(model->decoder.hidden(one, next, cache)));
  }
  state.counters["tokens/s"] = benchmark::Counter(
      static_cast<double>(state.range(0) * state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(decode_step)
    ->ArgsProduct({{1, 8, 32}, {0, 1}})
    ->ArgNames({"batch", "bfloat16"})
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

/// x·wᵀ for x of few rows. Arguments: rows, depth, columns. The weights are many, so that they come
/// from memory as in a model.
void few_rows(benchmark::State& state) {
  const int64_t count = std::max<int64_t>(1, (32 << 20) / (state.range(1) * state.range(2)));
  const at::Tensor x = at::randn({state.range(0), state.range(1)});
  const at::Tensor w = at::randn({count, state.range(2), state.range(1)});
  at::Tensor y = at::empty({state.range(0), state.range(2)});
  int64_t i = 0;
  for ([[maybe_unused]] auto iteration : state) {
    matlora::nn::multiply(x, w[i++ % count].t(), y, false);
  }
  const auto numbers = static_cast<double>(state.range(1) * state.range(2) * state.iterations());
  state.counters["B/s"] = benchmark::Counter(4 * numbers, benchmark::Counter::kIsRate);
  state.counters["FLOP/s"] = benchmark::Counter(2 * numbers * static_cast<double>(state.range(0)),
                                                benchmark::Counter::kIsRate);
}
BENCHMARK(few_rows)
    ->ArgsProduct({{1, 8, 32}, {576}, {192, 1536, 49152}})
    ->ArgsProduct({{1, 8, 32}, {1536}, {576}})
    ->ArgsProduct({{1, 8, 32}, {32}, {1536}})
    ->ArgNames({"rows", "depth", "columns"})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

}  // namespace
