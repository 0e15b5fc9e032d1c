#include "matlora/eval/likelihood.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "matlora/base/error.h"
#include "tests/support/tiny_llama.h"

namespace matlora::eval {
namespace {

using Group = std::vector<Continuation>;

std::vector<int32_t> some_tokens(int64_t count, uint64_t seed) {
  const at::Tensor tokens = tests::random_tokens(count, 50, seed);
  const int64_t* ids = tokens.const_data_ptr<int64_t>();
  return {ids, ids + count};
}

std::vector<int32_t> operator+(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Contexts with a common beginning of `stem` tokens; choices that share nothing, some tokens, all
/// but the last one, that begin another one, and that are equal; and contexts that differ.
std::vector<Group> groups_of(int64_t stem) {
  const std::vector<int32_t> beginning = some_tokens(stem, 1);
  std::vector<Group> groups;
  for (uint64_t g = 0; g < 7; ++g) {
    const std::vector<int32_t> context =
        beginning + some_tokens(static_cast<int64_t>(1 + g % 4), 10 + g);
    const auto first = static_cast<int64_t>(context.size());
    const std::vector<int32_t> a = some_tokens(3, 30 + g), b = some_tokens(1, 50 + g);
    groups.push_back({{context + a, first}, {context + b, first}});
    groups.push_back({{context + a, first}, {context + a + b, first}, {context + a, first}});
    groups.push_back({{context + b, first}});
    groups.push_back(
        {{context + a + b, first}, {context + b + a, first + 1}, {beginning + b + a, stem}});
  }
  return groups;
}

/// One continuation after the other, from all logits of its input.
double alone(const nn::Decoder& model, const Continuation& one) {
  const at::Tensor tokens = at::tensor(std::vector<int64_t>(one.tokens.begin(), one.tokens.end()));
  const int64_t length = tokens.size(0) - 1;
  const at::Tensor h = model.hidden(tokens.narrow(0, 0, length), std::vector<int64_t>{length});
  const at::Tensor p = at::log_softmax(model.logits(h), -1);
  double result = 0;
  for (int64_t i = one.first; i < tokens.size(0); ++i) {
    const auto label = tokens[i].item<int64_t>();
    result += p[i - 1][label].item<double>();
  }
  return result;
}

void expect_alone(const nn::Decoder& model, const std::vector<Group>& groups, int64_t pass_tokens) {
  size_t last = 0;
  LikelihoodOptions options;
  options.pass_tokens = pass_tokens;
  options.done = [&](size_t done) {
    EXPECT_GT(done, last);
    last = done;
  };
  const auto scores = score_continuations(model, groups, options);
  EXPECT_EQ(last, groups.size());
  ASSERT_EQ(scores.size(), groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    ASSERT_EQ(scores[g].size(), groups[g].size());
    for (size_t i = 0; i < groups[g].size(); ++i) {
      EXPECT_NEAR(scores[g][i], alone(model, groups[g][i]), 1e-12) << g << " " << i;
    }
  }
}

TEST(Likelihood, EqualsEachContinuationAlone) {
  const nn::Decoder model = tests::tiny_llama({}, at::kDouble);
  for (const int64_t stem : {1, 20, 40}) {
    for (const int64_t pass_tokens : {1, 30, 5000}) {
      expect_alone(model, groups_of(stem), pass_tokens);
    }
  }
}

TEST(Likelihood, LongropeAndWindows) {
  nn::Decoder model = tests::tiny_llama({}, at::kDouble);
  model.layers[1].attention.window = 4;
  expect_alone(model, groups_of(90), 300);
  model.ropes[0].long_frequencies = model.ropes[0].frequencies * 0.3;
  for (const int64_t original : {5, 20, 22, 24}) {
    model.ropes[0].original_length = original;
    expect_alone(model, groups_of(20), 30);
  }
}

TEST(Likelihood, EqualChoicesTie) {
  const nn::Decoder model = tests::tiny_llama();
  const std::vector<Group> groups = groups_of(20);
  const auto scores = score_continuations(model, groups, {});
  EXPECT_EQ(scores[1][0], scores[1][2]);
  EXPECT_NE(scores[1][0], scores[1][1]);
}

TEST(Likelihood, StopsBetweenPasses) {
  const nn::Decoder model = tests::tiny_llama();
  int passes = 0;
  LikelihoodOptions options;
  options.pass_tokens = 1;
  options.stop = [&] { return ++passes > 2; };
  EXPECT_TRUE(score_continuations(model, groups_of(1), options).empty());
}

TEST(Likelihood, NothingToScoreIsABug) {
  const nn::Decoder model = tests::tiny_llama();
  EXPECT_THROW(score_continuations(model, std::vector<Group>{{}}, {}), BugError);
  EXPECT_THROW(score_continuations(model, std::vector<Group>{{{{1, 2}, 2}}}, {}), BugError);
  EXPECT_THROW(score_continuations(model, std::vector<Group>{{{{1, 2}, 0}}}, {}), BugError);
}

}  // namespace
}  // namespace matlora::eval
