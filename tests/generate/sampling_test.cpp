#include "matlora/generate/sampling.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "matlora/base/error.h"
#include "tests/support/temp_dir.h"

namespace matlora::generate {
namespace {

// Probabilities 0.5, 0.2, 0.2, 0.1.
at::Tensor logits() { return at::tensor({0.5, 0.2, 0.2, 0.1}, at::kFloat).log(); }

std::map<int32_t, double> shares(SamplingOptions options, const at::Tensor& z, int draws = 20000) {
  Sampler sampler(options, 1);
  std::map<int32_t, double> result;
  for (int i = 0; i < draws; ++i) result[sampler.next(z)] += 1.0 / draws;
  return result;
}

TEST(Sampler, TemperatureZeroIsGreedyAndTakesTheFirstOfEquals) {
  Sampler sampler({0, 1}, 1);
  EXPECT_EQ(sampler.next(at::tensor({1.0, 3.0, 3.0, 2.0}, at::kFloat)), 1);
  EXPECT_EQ(sampler.next(at::tensor({5.0, 3.0}).to(at::kBFloat16)), 0);
}

TEST(Sampler, DrawsFollowTheProbabilities) {
  const auto share = shares({1, 1}, logits());
  EXPECT_NEAR(share.at(0), 0.5, 0.015);
  EXPECT_NEAR(share.at(1), 0.2, 0.015);
  EXPECT_NEAR(share.at(2), 0.2, 0.015);
  EXPECT_NEAR(share.at(3), 0.1, 0.015);
}

// Temperature 1/2 squares them: 0.25, 0.04, 0.04, 0.01, over 0.34.
TEST(Sampler, TemperatureSharpens) {
  const auto share = shares({0.5, 1}, logits());
  EXPECT_NEAR(share.at(0), 0.25 / 0.34, 0.015);
  EXPECT_NEAR(share.at(1), 0.04 / 0.34, 0.015);
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  const auto nucleus = shares({1, 0.65}, logits());  // 0.5 + 0.2, the first of equals
  EXPECT_EQ(nucleus.size(), 2u);
  EXPECT_NEAR(nucleus.at(0), 5.0 / 7, 0.015);
  EXPECT_EQ(shares({1, 0.4}, logits(), 200).size(), 1u);
  EXPECT_EQ(shares({1, 0.85}, logits(), 2000).size(), 3u);
}

TEST(Sampler, ImpossibleTokensNeverCome) {
  const double never = -std::numeric_limits<double>::infinity();
  const auto share = shares({1, 1}, at::tensor({never, 1.0, never, 1.0}, at::kFloat), 2000);
  EXPECT_EQ(share.size(), 2u);
  EXPECT_EQ(share.count(0) + share.count(2), 0u);
}

TEST(Sampler, ExtremeTemperaturesAreFinite) {
  EXPECT_EQ(shares({1e-300, 1}, logits(), 10).size(), 1u);
  EXPECT_EQ(shares({1e300, 1}, logits(), 2000).size(), 4u);
}

TEST(Sampler, TheSeedDecides) {
  Sampler one({1, 0.9}, 5), same({1, 0.9}, 5), other({1, 0.9}, 6);
  std::vector<int32_t> a, b, c;
  for (int i = 0; i < 50; ++i) {
    a.push_back(one.next(logits()));
    b.push_back(same.next(logits()));
    c.push_back(other.next(logits()));
  }
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
}

TEST(Sampler, Errors) {
  Sampler sampler({0, 1}, 1);
  const at::Tensor bad = at::tensor({1.0, std::nan("")}, at::kFloat);
  tests::expect_has(tests::user_error([&] { sampler.next(bad); }),
                    "logits are not finite; numbers of the model, or the adapter's");
  tests::expect_has(tests::user_error([&] { sampler.next(bad.to(at::kBFloat16)); }),
                    "logits are not finite; try dtype float32");
  EXPECT_THROW(Sampler({-1, 1}, 1), BugError);
  EXPECT_THROW(Sampler({1, 0}, 1), BugError);
  EXPECT_THROW(Sampler({1, 1.5}, 1), BugError);
}

}  // namespace
}  // namespace matlora::generate
