// Rows of one pass at different ranks of an adapter and of different adapters compute what each
// computes alone.
#include "matlora/adapter/bank.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "matlora/base/error.h"
#include "matlora/generate/batch.h"
#include "tests/support/files.h"
#include "tests/support/tiny_llama.h"

namespace matlora::adapter {
namespace {

using test::user_error;
using tests::relative_error;

constexpr double kTolerance = 2e-6;  // sums of a few rows and of many are made in another order

Adapter random_adapter(nn::Decoder& model, int64_t rank, uint64_t seed) {
  Adapter adapter;
  adapter.rule.rank = rank;
  adapter.rule.train_ranks = {1, rank};
  adapter.layers =
      new_layers(model, std::vector<std::string>{"all-linear"}, rank, Init::paper, seed);
  for (LayerAdapter& layer : adapter.layers) {
    layer.b = tests::random_tensor(layer.b.sizes(), ++seed, at::kFloat, 0.3);
  }
  return adapter;
}

struct BankTest : ::testing::Test {
  at::NoGradGuard no_grad;
  nn::Decoder base = tests::tiny_llama();
  nn::Decoder shared = base;
  Bank bank{shared};
  Adapter a = random_adapter(base, 4, 10), b = random_adapter(base, 3, 50);

  nn::Variant add(const Adapter& adapter, int64_t rank) {
    return bank.add(adapter, {rank}, InferenceGate::paper);
  }
  nn::Decoder alone(const Adapter& adapter, int64_t rank) const {
    return with_adapter(base, adapter, rank, InferenceGate::paper);
  }
};

TEST_F(BankTest, RowsOfOnePassUseTheirOwnVariants) {
  EXPECT_EQ(add(a, 0), 0);
  const nn::Variant one = add(a, 1), four = add(a, 4), other = add(b, 2);
  EXPECT_EQ(one, nn::kFirstVariant);
  const std::vector<int64_t> lengths = {5, 3, 1, 4, 2};
  const at::Tensor tokens = tests::random_tokens(15);
  const std::vector<nn::VariantRows> runs = {{four, 5}, {0, 3}, {other, 1}, {other, 4}, {one, 2}};
  const at::Tensor rows = at::tensor({0, 4, 6, 9, 12, 13, 14}, at::kLong);
  const at::Tensor together = shared.hidden(tokens, lengths, {}, {.runs = runs});
  const std::vector<nn::Decoder> models = {alone(a, 4), base, alone(b, 2), alone(b, 2),
                                           alone(a, 1)};
  int64_t first = 0;
  for (size_t i = 0; i < models.size(); ++i) {
    const std::vector<int64_t> one_length = {lengths[i]};
    const at::Tensor expected = models[i].hidden(tokens.narrow(0, first, lengths[i]), one_length);
    EXPECT_LE(relative_error(together.narrow(0, first, lengths[i]), expected), kTolerance) << i;
    first += lengths[i];
  }
  EXPECT_LE(relative_error(shared.hidden(tokens, lengths, rows, {.runs = runs}),
                           together.index_select(0, rows)),
            kTolerance);
  EXPECT_THROW(shared.hidden(tokens, lengths, {}, {.runs = std::span(runs).first(2)}), BugError);
}

TEST_F(BankTest, ABatchOfDifferentRanksAndAdaptersGeneratesWhatEachGivesAlone) {
  const nn::Variant variants[] = {add(a, 4), 0, add(a, 1), add(b, 3), add(a, 2)};
  const nn::Decoder models[] = {alone(a, 4), base, alone(a, 1), alone(b, 3), alone(a, 2)};
  const at::Tensor prefix = tests::random_tokens(40, 50, 8);
  const int64_t* ids = prefix.const_data_ptr<int64_t>();
  std::vector<generate::Request> requests;
  for (int64_t i = 0; i < 10; ++i) {  // two of each variant, which begin alike
    generate::Request request;
    request.prompt.assign(ids, ids + 40);
    request.prompt.push_back(static_cast<int32_t>(i));
    request.options.max_new_tokens = 12;
    request.variant = variants[i % 5];
    requests.push_back(request);
  }
  const auto complete = [](const nn::Decoder& model, std::span<const generate::Request> all) {
    std::vector<std::vector<int32_t>> texts(all.size());
    generate::BatchEvents events;
    events.on_finished = [&](size_t i, const std::vector<int32_t>& text) { texts[i] = text; };
    generate::decode_batch(model, all, 4, events);
    return texts;
  };
  const auto together = complete(shared, requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    generate::Request request = requests[i];
    request.variant = nn::kFirstVariant;
    EXPECT_EQ(together[i], complete(models[i % 5], {&request, 1})[0]) << i;
  }
  EXPECT_NE(together[0], together[1]);
}

TEST_F(BankTest, RanksPerLayer) {
  RankPlan plan{2, {{"model.layers.0.self_attn.q_proj", 4}, {"model.layers.1.mlp.up_proj", 0}}};
  const nn::Variant mixed = bank.add(a, plan, InferenceGate::paper);
  Adapter cut = a;
  for (LayerAdapter& layer : cut.layers) {
    const int64_t rank = plan.of(layer.layer);
    const double factor = rank == 0 ? 0 : scale(a.rule, rank) / scale(a.rule, 4);
    const int64_t kept = std::max<int64_t>(rank, 1);
    layer.a = layer.a.narrow(0, 0, kept);
    layer.b = layer.b.narrow(1, 0, kept) * factor;
  }
  const at::Tensor tokens = tests::random_tokens(7);
  const std::vector<int64_t> length = {7};
  EXPECT_LE(relative_error(shared.hidden(tokens, length, {}, {.variant = mixed}),
                           alone(cut, 4).hidden(tokens, length)),
            kTolerance);
  EXPECT_FALSE(plan.is_base());
}

TEST_F(BankTest, WhatIsRemovedIsTheBase) {
  const nn::Variant one = add(a, 1);
  bank.remove(one);
  const at::Tensor tokens = tests::random_tokens(7);
  const std::vector<int64_t> length = {7};
  EXPECT_TRUE(
      at::equal(shared.hidden(tokens, length, {}, {.variant = one}), base.hidden(tokens, length)));
  EXPECT_EQ(add(a, 1), one + 1);  // a cache may still hold keys of the other
  EXPECT_THROW(bank.remove(0), BugError);
  EXPECT_THROW(bank.remove(7), BugError);
}

TEST_F(BankTest, BadRequests) {
  EXPECT_TRUE(test::contains(user_error([&] { add(a, 5); }), "rank: expected 0..4, got 5"));
  EXPECT_TRUE(test::contains(user_error([&] { add(a, -1); }), "rank: expected 0..4, got -1"));
  const RankPlan unknown{1, {{"model.layers.9.mlp.up_proj", 1}}};
  EXPECT_TRUE(test::contains(user_error([&] { bank.add(a, unknown, InferenceGate::paper, "x"); }),
                             "x: the adapter has no layer 'model.layers.9.mlp.up_proj'"));
  nn::Decoder wider = tests::tiny_llama({.hidden = 20});
  Bank of_wider(wider);
  EXPECT_TRUE(test::contains(user_error([&] { of_wider.add(a, {1}, InferenceGate::paper); }),
                             "was it trained on another base model?"));
}

}  // namespace
}  // namespace matlora::adapter
