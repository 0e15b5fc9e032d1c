// Rules that no gate can be made of are errors of the user's, whichever way they come.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "matlora/adapter/fold.h"
#include "matlora/adapter/gate.h"
#include "matlora/train/rank_draw.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

namespace matlora::adapter {
namespace {

using tests::expect_has;
using tests::user_error;

constexpr Method kMethods[] = {Method::nested, Method::matryoshka, Method::dylora, Method::lora,
                               Method::custom};
constexpr Mask kMasks[] = {Mask::diag, Mask::binary, Mask::constant};

GateRule good_rule(Method method, Mask mask = Mask::diag) {
  GateRule rule;
  rule.method = method;
  rule.mask = mask;
  rule.rank = 4;
  rule.train_ranks = {1, 2, 4};
  if (method == Method::custom) rule.custom = {1, 2, 0, -1};
  return rule;
}

/// Everything that takes a rule refuses this one with a message that holds `part`.
void expect_refused(const GateRule& rule, const std::string& part) {
  expect_has(user_error([&] { checked(rule, "here"); }), "here: ");
  expect_has(user_error([&] { checked(rule, "here"); }), part);
  expect_has(user_error([&] { training_gate(rule, 1); }), part);
  expect_has(user_error([&] { training_gate(rule); }), part);
  for (const InferenceGate gate : {InferenceGate::paper, InferenceGate::trained}) {
    expect_has(user_error([&] { inference_gate(rule, 1, gate); }), part);
  }
  expect_has(user_error([&] { train::draw_rank(rule, 1, 0, 0); }), part);
  expect_has(user_error([&] { train::parse_rank_weights("full:1", rule, "x"); }), part);
  expect_has(user_error([&] {
               nn::Decoder model = tests::tiny_llama();
               Adapter adapter;
               adapter.layers =
                   new_layers(model, std::vector<std::string>{"q_proj"}, 4, Init::paper, 1);
               adapter.rule = rule;
               const auto examples = tests::tiny_examples(4);
               const train::Trainer trainer(model, adapter, examples, {});
             }),
             part);
}

TEST(GateRule, CheckedGivesAGoodRuleBack) {
  for (const Method method : kMethods) {
    for (const Mask mask : kMasks) {
      const GateRule rule = good_rule(method, mask);
      const GateRule same = checked(rule, "here");
      EXPECT_EQ(same.train_ranks, rule.train_ranks);
      EXPECT_EQ(same.custom, rule.custom);
      EXPECT_EQ(training_gate(same, 2).size(), 4u);
      EXPECT_EQ(inference_gate(same, 3, InferenceGate::trained).size(), 3u);
    }
  }
  GateRule one = good_rule(Method::lora);
  one.train_ranks = {};  // which decide nothing here
  EXPECT_EQ(training_gate(one).size(), 4u);
  EXPECT_EQ(unit_rule(one).train_ranks, std::vector<int64_t>{4});
  GateRule few = good_rule(Method::dylora);
  few.train_ranks = {3};  // R need not be among them
  EXPECT_EQ(train::draw_rank(few, 1, 0, 0), 3);
  GateRule off = good_rule(Method::lora);
  off.alpha = 0;  // PEFT allows it
  EXPECT_EQ(training_gate(off), std::vector<double>(4, 0.0));
}

TEST(GateRule, TrainRanksLieInTheRank) {
  for (const Method method : kMethods) {
    for (const Mask mask : kMasks) {
      for (const int64_t rank : {int64_t{5}, int64_t{1} << 40, INT64_MAX}) {
        GateRule rule = good_rule(method, mask);
        rule.train_ranks = {1, rank};
        expect_refused(rule, cat("train ranks: expected ranks in 1..4, got ", rank));
      }
      for (const int64_t rank : {int64_t{0}, int64_t{-1}, INT64_MIN}) {
        GateRule rule = good_rule(method, mask);
        rule.train_ranks = {rank, 4};
        expect_refused(rule, cat("train ranks: expected ranks in 1..4, got ", rank));
      }
    }
  }
}

TEST(GateRule, TrainRanksAscend) {
  for (const Method method : kMethods) {
    GateRule rule = good_rule(method);
    rule.train_ranks = {1, 4, 2};
    expect_refused(rule, "ascending order, got 2 behind 4");
    rule.train_ranks = {2, 2};
    expect_refused(rule, "ascending order, got 2 behind 2");
  }
}

TEST(GateRule, WhatDrawsOrSumsOverTrainRanksHasThem) {
  for (const Method method : {Method::nested, Method::matryoshka, Method::dylora}) {
    for (const Mask mask : kMasks) {
      GateRule rule = good_rule(method, mask);
      rule.train_ranks = {};
      expect_refused(rule, cat("train ranks: expected one or more in 1..4 for ", name(method)));
    }
  }
  for (const Method method : {Method::lora, Method::custom}) {  // no division by their number
    GateRule rule = good_rule(method);
    rule.train_ranks = {};
    expect_has(user_error([&] { train::draw_rank(rule, 1, 0, 0); }), "expected one or more");
  }
}

TEST(GateRule, AnEmptyRuleIsNone) {
  expect_refused(GateRule(), "rank: expected 1..1048576, got 0");
  for (const Method method : kMethods) {
    for (const int64_t rank : {int64_t{0}, int64_t{-4}, kMaxRank + 1, INT64_MAX, INT64_MIN}) {
      GateRule rule = good_rule(method);
      rule.rank = rank;
      expect_refused(rule, cat("rank: expected 1..1048576, got ", rank));
    }
  }
}

TEST(GateRule, NumbersAreFiniteInFloat32) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double number : {kInfinity, -kInfinity, std::nan(""), 1e39, -1e300}) {
    for (const Method method : kMethods) {
      GateRule rule = good_rule(method);
      rule.alpha = number;
      expect_refused(rule, "alpha: expected a number that is finite in float32");
    }
    GateRule rule = good_rule(Method::custom);
    rule.custom[2] = number;
    expect_refused(rule, "gate: expected numbers that are finite in float32");
  }
}

TEST(GateRule, ACustomGateHasANumberForEachDirection) {
  for (const size_t size : {0u, 1u, 3u, 5u}) {
    GateRule rule = good_rule(Method::custom);
    rule.custom.assign(size, 1.0);
    expect_refused(rule, cat("gate: expected 4 numbers for custom, got ", size));
  }
  for (const Method method : {Method::nested, Method::matryoshka, Method::dylora, Method::lora}) {
    GateRule rule = good_rule(method);
    rule.custom = {1, 1, 1, 1};
    expect_refused(rule, cat("gate: expected 0 numbers for ", name(method), ", got 4"));
  }
}

}  // namespace
}  // namespace matlora::adapter
