#include "matlora/adapter/gate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "matlora/base/error.h"

namespace matlora::adapter {
namespace {

GateRule rule_of(Method method, Scaling scaling, int64_t rank, std::vector<int64_t> train_ranks) {
  GateRule rule;
  rule.method = method;
  rule.scaling = scaling;
  rule.rank = rank;
  rule.train_ranks = std::move(train_ranks);
  return rule;
}

constexpr Scaling kScalings[] = {Scaling::none, Scaling::rank, Scaling::sqrt};

TEST(Gate, Scale) {
  GateRule rule;
  rule.alpha = 3;
  rule.scaling = Scaling::none;
  EXPECT_EQ(scale(rule, 4), 3);
  rule.scaling = Scaling::rank;
  EXPECT_EQ(scale(rule, 4), 0.75);
  rule.scaling = Scaling::sqrt;
  EXPECT_EQ(scale(rule, 4), 1.5);
}

TEST(Gate, LoraIsOneNumber) {
  for (const Scaling scaling : kScalings) {
    const GateRule rule = rule_of(Method::lora, scaling, 9, {9});
    EXPECT_EQ(training_gate(rule), std::vector<double>(9, scale(rule, 9)));
  }
}

TEST(Gate, DyloraIsTheSampledRanksScaleThenZero) {
  for (const Scaling scaling : kScalings) {
    const GateRule rule = rule_of(Method::dylora, scaling, 5, {1, 3, 5});
    const double s = scale(rule, 3);
    EXPECT_EQ(training_gate(rule, 3), (std::vector<double>{s, s, s, 0, 0}));
  }
  EXPECT_THROW(training_gate(rule_of(Method::dylora, Scaling::sqrt, 5, {5}), 0), BugError);
}

// P_i = Σ_{r in S, r > i} s(r), summed here from the definition, index by index.
TEST(Gate, MatryoshkaIsTheSumOverTheRanksThatUseADirection) {
  for (const Scaling scaling : kScalings) {
    for (const std::vector<int64_t>& ranks :
         {std::vector<int64_t>{1, 2, 4, 8}, {3, 5}, {8}, {2, 6}}) {
      GateRule rule = rule_of(Method::matryoshka, scaling, 8, ranks);
      const std::vector<double> diag = training_gate(rule);
      rule.mask = Mask::binary;
      const std::vector<double> binary = training_gate(rule);
      for (int64_t i = 0; i < 8; ++i) {
        double sum = 0;
        for (const int64_t r : ranks) sum += r > i ? scale(rule, r) : 0;
        const auto at = static_cast<size_t>(i);
        EXPECT_NEAR(diag[at], sum, 1e-15);
        EXPECT_NEAR(binary[at], sum / static_cast<double>(ranks.size()), 1e-15);
      }
    }
  }
}

TEST(Gate, MatryoshkaHandValues) {
  EXPECT_EQ(training_gate(rule_of(Method::matryoshka, Scaling::none, 4, {1, 2, 4})),
            (std::vector<double>{3, 2, 1, 1}));
  EXPECT_EQ(training_gate(rule_of(Method::matryoshka, Scaling::rank, 4, {1, 2, 4})),
            (std::vector<double>{1.75, 0.75, 0.25, 0.25}));
}

TEST(Gate, MatryoshkaOfTheFullRankAloneIsLora) {
  for (const Scaling scaling : kScalings) {
    for (const Mask mask : {Mask::diag, Mask::binary}) {
      GateRule rule = rule_of(Method::matryoshka, scaling, 7, {7});
      rule.mask = mask;
      EXPECT_EQ(training_gate(rule), training_gate(rule_of(Method::lora, scaling, 7, {7})));
    }
  }
}

TEST(Gate, PaperInferenceIsTheScaleOfTheRank) {
  for (const Method method : {Method::matryoshka, Method::dylora, Method::lora, Method::custom}) {
    GateRule rule = rule_of(method, Scaling::sqrt, 8, {1, 2, 4, 8});
    if (method == Method::custom) rule.custom.assign(8, 0.5);
    for (int64_t k = 1; k <= 8; ++k) {
      EXPECT_EQ(inference_gate(rule, k, InferenceGate::paper),
                std::vector<double>(static_cast<size_t>(k), 1 / std::sqrt(double(k))));
    }
  }
  EXPECT_THROW(
      inference_gate(rule_of(Method::lora, Scaling::sqrt, 8, {8}), 9, InferenceGate::paper),
      BugError);
}

TEST(Gate, TrainedInferenceIsTheTrainingGateCut) {
  const auto trained = [](const GateRule& rule, int64_t k) {
    return inference_gate(rule, k, InferenceGate::trained);
  };
  const GateRule nested = rule_of(Method::matryoshka, Scaling::none, 4, {1, 2, 4});
  EXPECT_EQ(trained(nested, 3), (std::vector<double>{3, 2, 1}));
  EXPECT_EQ(trained(nested, 4), training_gate(nested));
  const GateRule lora = rule_of(Method::lora, Scaling::rank, 4, {4});
  EXPECT_EQ(trained(lora, 2), (std::vector<double>{0.25, 0.25}));
  const GateRule dylora = rule_of(Method::dylora, Scaling::rank, 4, {1, 2, 4});
  EXPECT_EQ(trained(dylora, 2), (std::vector<double>{0.5, 0.5}));
  GateRule custom = rule_of(Method::custom, Scaling::sqrt, 3, {3});
  custom.custom = {0.5, -2, 7};
  EXPECT_EQ(training_gate(custom), custom.custom);
  EXPECT_EQ(trained(custom, 2), (std::vector<double>{0.5, -2}));
}

TEST(Gate, PowersOfTwo) {
  EXPECT_EQ(powers_of_two(1), (std::vector<int64_t>{1}));
  EXPECT_EQ(powers_of_two(8), (std::vector<int64_t>{1, 2, 4, 8}));
  EXPECT_EQ(powers_of_two(12), (std::vector<int64_t>{1, 2, 4, 8}));
}

TEST(Gate, NamesRoundTrip) {
  EXPECT_EQ(parse_method(name(Method::dylora), "x"), Method::dylora);
  EXPECT_EQ(parse_scaling(name(Scaling::none), "x"), Scaling::none);
  EXPECT_EQ(parse_mask(name(Mask::binary), "x"), Mask::binary);
  EXPECT_EQ(parse_inference_gate(name(InferenceGate::trained), "x"), InferenceGate::trained);
  try {
    parse_method("matrioshka", "--method");
    FAIL();
  } catch (const UserError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.rfind("--method: ", 0), 0u) << message;
    EXPECT_NE(message.find("did you mean 'matryoshka'?"), std::string::npos) << message;
  }
}

// What a direction is multiplied with does not depend on the rank: prefixes of one gate.
TEST(Gate, NestedHasOneGateForAllRanks) {
  for (const Scaling scaling : kScalings) {
    for (const Mask mask : {Mask::diag, Mask::binary, Mask::constant}) {
      GateRule nested = rule_of(Method::nested, scaling, 8, {1, 2, 4, 8});
      nested.mask = mask;
      GateRule other = nested;
      other.method = mask == Mask::constant ? Method::lora : Method::matryoshka;
      const std::vector<double> whole = training_gate(other);
      EXPECT_EQ(training_gate(nested), whole);
      for (int64_t k = 1; k <= 8; ++k) {
        const std::vector<double> prefix(whole.begin(), whole.begin() + k);
        EXPECT_EQ(inference_gate(nested, k, InferenceGate::paper), prefix);
        EXPECT_EQ(inference_gate(nested, k, InferenceGate::trained), prefix);
      }
    }
  }
}

TEST(Gate, DyloraWithAConstantScale) {
  GateRule rule = rule_of(Method::dylora, Scaling::sqrt, 4, {1, 2, 4});
  rule.mask = Mask::constant;
  EXPECT_EQ(training_gate(rule, 2), (std::vector<double>{0.5, 0.5, 0, 0}));
  EXPECT_EQ(inference_gate(rule, 3, InferenceGate::paper), std::vector<double>(3, 0.5));
}

}  // namespace
}  // namespace matlora::adapter
