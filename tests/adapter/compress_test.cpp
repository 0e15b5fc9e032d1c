// Against the update B diag(g) A formed explicitly, in float64.
#include "matlora/adapter/compress.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "matlora/adapter/bank.h"
#include "matlora/base/error.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_llama.h"

namespace matlora::adapter {
namespace {

using tests::expect_has;
using tests::random_tensor;
using tests::relative_error;
using tests::user_error;

constexpr int64_t kRank = 6;

/// Layers of 12 -> 9, 12 -> 5 (below the rank) and 20 -> 16; a Matryoshka gate of unequal numbers.
Adapter random_adapter(Scaling scaling = Scaling::sqrt) {
  Adapter adapter;
  adapter.rule.scaling = scaling;
  adapter.rule.rank = kRank;
  adapter.rule.train_ranks = {1, 2, 4, 6};
  adapter.layers = {{"first", random_tensor({kRank, 12}, 1), random_tensor({9, kRank}, 2)},
                    {"narrow", random_tensor({kRank, 12}, 3), random_tensor({5, kRank}, 4)},
                    {"last", random_tensor({kRank, 20}, 5), random_tensor({16, kRank}, 6)}};
  return adapter;
}

/// Of inputs with one channel of ten times the others' size.
at::Tensor moment_of(int64_t in, uint64_t seed) {
  at::Tensor x = random_tensor({200, in}, seed, at::kDouble)
                     .matmul(random_tensor({in, in}, seed + 1, at::kDouble));
  x.select(1, 2).mul_(10);
  return x.t().matmul(x) / 200;
}

Moments random_moments() {
  Moments moments;
  moments.of["first"] = moments.of["narrow"] = moment_of(12, 11);
  moments.of["last"] = moment_of(20, 21);
  return moments;
}

at::Tensor update(const LayerAdapter& layer, const std::vector<double>& gate) {
  return (layer.b.to(at::kDouble) * at::tensor(gate, at::kDouble)).matmul(layer.a.to(at::kDouble));
}

at::Tensor full_update(const Adapter& adapter, size_t i) {
  return update(adapter.layers[i], inference_gate(adapter.rule, kRank, InferenceGate::trained));
}

/// The first k directions with gate 1: [out, in].
at::Tensor prefix(const LayerAdapter& layer, int64_t k) {
  return layer.b.narrow(1, 0, k).to(at::kDouble).matmul(layer.a.narrow(0, 0, k).to(at::kDouble));
}

/// A root of what renest() measures errors by, from the eigenvalues rather than Cholesky's factor.
at::Tensor root_of(const at::Tensor& moment) {
  const int64_t in = moment.size(0);
  const double mean = moment.trace().item<double>() / static_cast<double>(in);
  const auto [values, vectors] =
      at::linalg_eigh(moment + kMomentRegularisation * mean * at::eye(in, at::kDouble));
  return vectors * values.sqrt();
}

double size_of(const at::Tensor& x) { return at::linalg_norm(x).item<double>(); }

double tail(const std::vector<double>& values, int64_t k) {
  double sum = 0;
  for (size_t i = static_cast<size_t>(k); i < values.size(); ++i) sum += values[i] * values[i];
  return std::sqrt(sum);
}

Renested nested_of(const Adapter& adapter, const Moments* moments = nullptr, int64_t rank = kRank) {
  return renest(adapter, InferenceGate::trained, rank, moments);
}

void expect_best(const Renested& nested, const Adapter& adapter, const Moments* moments) {
  for (size_t i = 0; i < adapter.layers.size(); ++i) {
    const LayerAdapter& layer = nested.layers[i];
    const at::Tensor whole = full_update(adapter, i);
    EXPECT_EQ(layer.layer, adapter.layers[i].layer);
    EXPECT_EQ(layer.a.scalar_type(), at::kFloat);
    EXPECT_LT(size_of(prefix(layer, kRank) - whole) / size_of(whole), 1e-6) << layer.layer;
    const at::Tensor root =
        moments ? root_of(moments->of.at(layer.layer)) : at::eye(whole.size(1), at::kDouble);
    const std::vector<double>& values = nested.singular_values.at(layer.layer);
    ASSERT_EQ(static_cast<int64_t>(values.size()), std::min(kRank, whole.size(0)));
    const at::Tensor expected = at::linalg_svdvals(whole.matmul(root));
    const double first = values[0];
    for (size_t k = 0; k < values.size(); ++k) {
      EXPECT_NEAR(values[k], expected[static_cast<int64_t>(k)].item<double>(), 1e-10 * first);
      const auto rank = static_cast<int64_t>(k);
      EXPECT_NEAR(size_of((whole - prefix(layer, rank)).matmul(root)), tail(values, rank),
                  1e-5 * first)
          << layer.layer << " at rank " << rank;
    }
  }
}

TEST(Renest, EveryPrefixIsTheBestOfItsRank) {
  const Adapter adapter = random_adapter();
  expect_best(nested_of(adapter), adapter, nullptr);
}

TEST(Renest, WeightedEveryPrefixIsTheBestInTheLayersOutputs) {
  const Adapter adapter = random_adapter();
  const Moments moments = random_moments();
  expect_best(nested_of(adapter, &moments), adapter, &moments);
}

TEST(Renest, EachFormIsBetterInItsOwnNorm) {
  const Adapter adapter = random_adapter();
  const Moments moments = random_moments();
  const Renested plain = nested_of(adapter), weighted = nested_of(adapter, &moments);
  for (size_t i = 0; i < adapter.layers.size(); ++i) {
    const at::Tensor whole = full_update(adapter, i);
    const at::Tensor root = root_of(moments.of.at(adapter.layers[i].layer));
    for (int64_t k = 1; k < 5; ++k) {
      const at::Tensor by_norm = whole - prefix(plain.layers[i], k);
      const at::Tensor by_output = whole - prefix(weighted.layers[i], k);
      EXPECT_LT(size_of(by_norm), size_of(by_output) * (1 - 1e-6));
      EXPECT_LT(size_of(by_output.matmul(root)), size_of(by_norm.matmul(root)) * (1 - 1e-6));
    }
  }
}

TEST(Renest, ALowerRankIsThePrefixOfAHigherOne) {
  const Adapter adapter = random_adapter();
  const Moments moments = random_moments();
  for (const Moments* with : {static_cast<const Moments*>(nullptr), &moments}) {
    const Renested whole = nested_of(adapter, with), two = nested_of(adapter, with, 2);
    EXPECT_EQ(two.singular_values, whole.singular_values);
    for (size_t i = 0; i < whole.layers.size(); ++i) {
      EXPECT_EQ(two.layers[i].rank(), 2);
      EXPECT_LT(relative_error(prefix(two.layers[i], 2), prefix(whole.layers[i], 2)), 1e-6);
    }
  }
}

TEST(Renest, BothSidesShareTheSingularValueAndSignsAreFixed) {
  const Adapter adapter = random_adapter();
  const Renested nested = nested_of(adapter);
  Adapter turned = adapter;
  for (LayerAdapter& layer : turned.layers) {
    layer.a = -layer.a;
    layer.b = -layer.b;
  }
  const Renested again = nested_of(turned);
  for (size_t i = 0; i < nested.layers.size(); ++i) {
    const LayerAdapter& layer = nested.layers[i];
    const std::vector<double>& values = nested.singular_values.at(layer.layer);
    for (size_t k = 0; k < values.size(); ++k) {
      const auto at = static_cast<int64_t>(k);
      EXPECT_NEAR(size_of(layer.a[at].to(at::kDouble)), std::sqrt(values[k]), 1e-5 * values[0]);
      const at::Tensor column = layer.b.select(1, at);
      EXPECT_NEAR(size_of(column.to(at::kDouble)), std::sqrt(values[k]), 1e-5 * values[0]);
      EXPECT_EQ(column.max().item<float>(), column.abs().max().item<float>());
    }
    EXPECT_LT(relative_error(again.layers[i].a, layer.a), 1e-5);
    EXPECT_LT(relative_error(again.layers[i].b, layer.b), 1e-5);
  }
}

TEST(Renest, ADegenerateUpdateHasDirectionsOfZeros) {
  Adapter adapter = random_adapter();
  adapter.layers[0].a[1].copy_(adapter.layers[0].a[0] * 2);  // rank 5
  adapter.layers[2].b.zero_();                               // rank 0
  const Moments moments = random_moments();
  for (const Moments* with : {static_cast<const Moments*>(nullptr), &moments}) {
    const Renested nested = nested_of(adapter, with);
    for (const LayerAdapter& layer : nested.layers) {
      EXPECT_EQ(layer.rank(), kRank);
      EXPECT_TRUE(at::isfinite(layer.a).all().item<bool>() &&
                  at::isfinite(layer.b).all().item<bool>());
    }
    EXPECT_EQ(nested.layers[0].a[5].abs().max().item<float>(), 0);
    EXPECT_GT(nested.layers[0].a[4].abs().max().item<float>(), 0);
    EXPECT_EQ(nested.layers[1].b.select(1, 5).abs().max().item<float>(), 0);
    EXPECT_EQ(nested.layers[2].a.abs().max().item<float>(), 0);
    const at::Tensor whole = full_update(adapter, 0);
    EXPECT_LT(size_of(prefix(nested.layers[0], kRank) - whole) / size_of(whole), 1e-6);
  }
}

/// The first k directions under the trained gate, as an adapter of rank k.
Adapter first_directions(const Adapter& adapter, int64_t k) {
  Adapter result;
  for (const LayerAdapter& layer : adapter.layers) {
    const auto gate = layer_gate(layer, adapter.rule, k, InferenceGate::trained);
    const auto size = static_cast<int64_t>(gate.size());
    result.layers.push_back({layer.layer, layer.a.narrow(0, 0, size),
                             layer.b.narrow(1, 0, size) * at::tensor(gate, at::kFloat)});
  }
  return ordered_adapter(std::move(result.layers));
}

// Below `first` the best parts of rank `first`; from there on what there was.
TEST(Renest, OfTheFirstDirectionsLeavesTheOthers) {
  const Adapter adapter = random_adapter();
  const Moments moments = random_moments();
  constexpr int64_t kFirst = 4;
  for (const Moments* weights : {static_cast<const Moments*>(nullptr), &moments}) {
    const Renested nested = renest_first(adapter, InferenceGate::trained, kFirst, weights);
    const Renested expected =
        renest(first_directions(adapter, kFirst), InferenceGate::trained, kFirst, weights);
    for (size_t i = 0; i < adapter.layers.size(); ++i) {
      const LayerAdapter& layer = nested.layers[i];
      ASSERT_EQ(layer.rank(), kRank);
      for (int64_t k = 1; k < kFirst; ++k) {
        EXPECT_LT(relative_error(prefix(layer, k), prefix(expected.layers[i], k)), 1e-5);
      }
      for (int64_t k = kFirst; k <= kRank; ++k) {
        const Adapter whole = first_directions(adapter, k);
        EXPECT_LT(relative_error(prefix(layer, k), prefix(whole.layers[i], whole.layers[i].rank())),
                  1e-5)
            << k;
      }
    }
  }
  const Renested all = renest_first(adapter, InferenceGate::trained, kRank, &moments);
  const Renested same = nested_of(adapter, &moments);
  for (size_t i = 0; i < all.layers.size(); ++i) {
    EXPECT_LT(relative_error(all.layers[i].b, same.layers[i].b), 1e-5);
  }
  const std::string message =
      user_error([&] { renest_first(adapter, InferenceGate::paper, 2, nullptr, "dir/file"); });
  expect_has(message, "dir/file: first: its gate depends on the rank, so rank 2 is no part");
}

// One token that never changes, and inputs that are all zero: C has rank 1 and 0.
TEST(Renest, ConstantInputs) {
  const Adapter adapter = random_adapter();
  Moments moments = random_moments();
  const at::Tensor x = random_tensor({12}, 31, at::kDouble);
  moments.of["first"] = at::outer(x, x);
  moments.of["last"] = at::zeros({20, 20}, at::kDouble);
  const Renested nested = nested_of(adapter, &moments);
  for (const size_t i : {size_t{0}, size_t{2}}) {
    const at::Tensor whole = full_update(adapter, i);
    EXPECT_LT(size_of(prefix(nested.layers[i], kRank) - whole) / size_of(whole), 1e-5);
  }
  // The first direction is right for the only input there is.
  const at::Tensor whole = full_update(adapter, 0);
  EXPECT_LT(size_of((whole - prefix(nested.layers[0], 1)).matmul(x)) / size_of(whole.matmul(x)),
            1e-2);
  EXPECT_EQ(nested.singular_values.at("last"), std::vector<double>(kRank, 0.0));
}

// What float32 products of few tokens give: a direction of less than nothing.
TEST(Renest, MomentsThatRoundingMadeIndefinite) {
  const Adapter adapter = random_adapter();
  Moments moments = random_moments();
  const at::Tensor x = random_tensor({20}, 31, at::kDouble);
  const at::Tensor y = random_tensor({20}, 32, at::kDouble);
  moments.of["last"] = at::outer(x, x) - 1e-4 * at::outer(y, y);
  const Renested nested = nested_of(adapter, &moments);
  const at::Tensor whole = full_update(adapter, 2);
  EXPECT_LT(size_of(prefix(nested.layers[2], kRank) - whole) / size_of(whole), 1e-5);
}

TEST(Renest, TheGateIsTheOneThatIsAskedFor) {
  const Adapter adapter = random_adapter();
  const Renested paper = renest(adapter, InferenceGate::paper, kRank, nullptr);
  const at::Tensor expected =
      update(adapter.layers[0], inference_gate(adapter.rule, kRank, InferenceGate::paper));
  EXPECT_LT(relative_error(prefix(paper.layers[0], kRank), expected), 1e-6);
}

TEST(Renest, WhatCannotBeNested) {
  Adapter adapter = random_adapter();
  adapter.layers[1].a[0][3] = std::numeric_limits<float>::quiet_NaN();
  const std::string message =
      user_error([&] { renest(adapter, InferenceGate::paper, 2, nullptr, "dir/file"); });
  expect_has(message, "dir/file: narrow: lora_A holds numbers that are not finite");
  adapter = random_adapter();
  Moments moments = random_moments();
  moments.of["last"][1][1] = std::numeric_limits<double>::infinity();
  for (const auto& [dtype, hint] : {std::pair(at::kHalf, "try dtype float32"),
                                    {at::kFloat, "numbers of the model, or the adapter's"}}) {
    moments.dtype = dtype;
    expect_has(user_error([&] { nested_of(adapter, &moments); }),
               cat("last: its inputs are not finite; ", hint));
  }
  for (LayerAdapter& layer : adapter.layers) layer.b.zero_();
  expect_has(user_error([&] { nested_of(adapter); }), "adapter: the adapter changes nothing");
  moments.of.erase("first");
  EXPECT_THROW(nested_of(random_adapter(), &moments), BugError);
  EXPECT_THROW(nested_of(random_adapter(), nullptr, kRank + 1), BugError);
}

// The same function at the full rank, under both gates at once.
TEST(Renest, LogitsAtTheFullRankStay) {
  nn::Decoder model = tests::tiny_llama();
  Adapter adapter;
  adapter.rule.rank = 4;
  adapter.rule.train_ranks = {1, 2, 4};
  const std::vector<std::string> targets = {"all-linear"};
  adapter.layers = new_layers(model, targets, 4, Init::paper, 42);
  uint64_t seed = 100;
  for (LayerAdapter& layer : adapter.layers) layer.b = random_tensor(layer.b.sizes(), ++seed);
  const at::Tensor tokens = tests::random_tokens(9);
  const std::vector<int64_t> length = {9};
  const auto logits = [&](const Adapter& of, InferenceGate gate) {
    const nn::Decoder at_full = with_adapter(model, of, 4, gate);
    return at_full.logits(at_full.hidden(tokens, length));
  };
  const at::Tensor expected = logits(adapter, InferenceGate::trained);
  Adapter nested = ordered_adapter(renest(adapter, InferenceGate::trained, 4, nullptr).layers);
  EXPECT_EQ(nested.rule.train_ranks, (std::vector<int64_t>{1, 2, 4}));
  EXPECT_LT(relative_error(logits(nested, InferenceGate::paper), expected), 1e-5);
  EXPECT_LT(relative_error(logits(nested, InferenceGate::trained), expected), 1e-5);
}

/// Three layers with known singular values.
Renested known_values() {
  Renested nested;
  for (const auto& [name, in] :
       {std::pair("small", 4), std::pair("same", 4), std::pair("large", 30)}) {
    nested.layers.push_back({name, at::ones({3, in}), at::ones({6, 3})});
  }
  nested.singular_values = {{"small", {3, 2, 0}}, {"same", {4, 1, 1}}, {"large", {5, 1, 1}}};
  return nested;
}

TEST(Energy, IsTheShareOfSquares) {
  const Renested nested = known_values();  // 58 in all; rank 1: 50, rank 2: 56
  EXPECT_NEAR(kept_energy(nested, 1), 50.0 / 58, 1e-12);
  EXPECT_NEAR(kept_energy(nested, 2), 56.0 / 58, 1e-12);
  EXPECT_EQ(kept_energy(nested, 3), 1);
  EXPECT_NEAR(kept_energy(nested, std::vector<int64_t>{2, 1, 0}), 29.0 / 58, 1e-12);
  EXPECT_EQ(rank_for_energy(nested, 0.1), 1);
  EXPECT_EQ(rank_for_energy(nested, 50.0 / 58), 1);
  EXPECT_EQ(rank_for_energy(nested, 0.9), 2);
  EXPECT_EQ(rank_for_energy(nested, 1), 3);
}

// Per number: same 16/10, 1/10, 1/10; small 9/10, 4/10; large 25/36, 1/36, 1/36.
TEST(Budget, TakesTheDirectionsThatAreWorthMost) {
  const Renested nested = known_values();
  EXPECT_EQ(ranks_within(squared_values(nested), 10), (std::vector<int64_t>{0, 1, 0}));
  EXPECT_EQ(ranks_within(squared_values(nested), 29), (std::vector<int64_t>{1, 1, 0}));
  EXPECT_EQ(ranks_within(squared_values(nested), 66), (std::vector<int64_t>{2, 1, 1}));
  EXPECT_EQ(ranks_within(squared_values(nested), 56), (std::vector<int64_t>{1, 1, 1}));
  EXPECT_EQ(ranks_within(squared_values(nested), 1000),
            (std::vector<int64_t>{2, 3, 3}));  // none without worth
  EXPECT_EQ(ranks_within(squared_values(nested), 40),
            (std::vector<int64_t>{2, 2, 0}));  // `large` does not fit
  const std::string message = user_error([&] { ranks_within(squared_values(nested), 9); });
  expect_has(message, "parameters: the smallest direction has 10 numbers");
  expect_has(message, "got 9");
}

TEST(Cut, LeavesOutLayersOfNoRank) {
  const Renested nested = known_values();
  const Renested part = cut(nested, std::vector<int64_t>{2, 0, 1});
  ASSERT_EQ(part.layers.size(), 2u);
  EXPECT_EQ(part.layers[0].a.sizes(), (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(part.layers[1].b.sizes(), (std::vector<int64_t>{6, 1}));
  const Adapter adapter = ordered_adapter(part.layers);
  EXPECT_EQ(adapter.rule.rank, 2);
  EXPECT_EQ(adapter.parameters(1), 10 + 36);
  EXPECT_EQ(adapter.parameters(2), 20 + 36);
  EXPECT_EQ(inference_gate(adapter.rule, 2, InferenceGate::paper), (std::vector<double>{1, 1}));
}

}  // namespace
}  // namespace matlora::adapter
