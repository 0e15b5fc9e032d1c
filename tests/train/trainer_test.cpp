#include "matlora/train/trainer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/data/packing.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

namespace matlora::train {
namespace {

using adapter::Method;
using tests::same_bits;
using tests::tiny_rule;
using tests::TinyRun;

Recipe some_recipe(int64_t batch_size, int64_t grad_accum) {
  Recipe recipe;
  recipe.batch_size = batch_size;
  recipe.grad_accum = grad_accum;
  recipe.max_steps = 6;
  recipe.learning_rate = 1e-2;
  return recipe;
}

TEST(TotalSteps, CountsAsTransformers) {
  Recipe recipe = some_recipe(3, 2);
  recipe.max_steps = 0;
  recipe.epochs = 1;
  EXPECT_EQ(total_steps(10, recipe), 2);  // 4 micro-batches
  EXPECT_EQ(total_steps(12, recipe), 2);
  EXPECT_EQ(total_steps(13, recipe), 3);
  EXPECT_EQ(total_steps(1, recipe), 1);
  recipe.epochs = 1.5;
  EXPECT_EQ(total_steps(10, recipe), 3);
  recipe.epochs = 1.1;
  EXPECT_EQ(total_steps(10, recipe), 3);
  recipe.epochs = 3;
  EXPECT_EQ(total_steps(10, recipe), 6);
  recipe.max_steps = 5;
  EXPECT_EQ(total_steps(10, recipe), 5);
}

// 20 examples: the third step of an epoch has only four, so its pieces are of other sizes.
TEST(Trainer, HowAStepIsCutChangesNothing) {
  for (const Method method : {Method::matryoshka, Method::nested})
    for (const auto& [batch_size, grad_accum] : {std::pair(2, 4), std::pair(1, 8)}) {
      SCOPED_TRACE(cat(name(method), " ", batch_size, " x ", grad_accum));
      const auto rule = tiny_rule(method, {1, 2, 4});
      TinyRun whole(rule, some_recipe(8, 1));
      const auto expected = whole.run(3);
      TinyRun pieces(rule, some_recipe(batch_size, grad_accum));
      const auto reports = pieces.run(3);
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_NEAR(reports[i].loss, expected[i].loss, 1e-5);
        EXPECT_NEAR(reports[i].grad_norm, expected[i].grad_norm, 1e-5);
        EXPECT_EQ(reports[i].tokens, expected[i].tokens);
        EXPECT_EQ(reports[i].label_tokens, expected[i].label_tokens);
        EXPECT_EQ(reports[i].learning_rate, expected[i].learning_rate);
      }
      const auto a = pieces.matrices(), b = whole.matrices();
      for (size_t i = 0; i < b.size(); ++i) {
        EXPECT_LE((a[i] - b[i]).abs().max().item<double>(), 1e-5) << i;
      }
    }
}

TEST(Trainer, FirstLossIsTheBaseModels) {
  TinyRun run(tiny_rule(Method::matryoshka, {1, 2, 4}), some_recipe(8, 3));  // all 20 at once
  const StepReport report = run.trainer.run_step();
  const at::NoGradGuard no_grad;
  const nn::Decoder base = tests::tiny_llama({}, at::kDouble);
  double nll = 0;
  int64_t tokens = 0, labels = 0;
  for (const data::Example& example : run.examples) {
    const std::vector<int64_t> ids(example.tokens.begin(), example.tokens.end());
    const auto length = static_cast<int64_t>(ids.size());
    const at::Tensor logits =
        base.logits(base.hidden(at::tensor(ids, at::kLong), std::vector<int64_t>{length}));
    for (int64_t t = example.first_label; t < length; ++t, ++labels) {
      const at::Tensor row = logits[t - 1];
      nll += std::log(row.exp().sum().item<double>());
      nll -= row[ids[static_cast<size_t>(t)]].item<double>();
    }
    tokens += length;
  }
  EXPECT_NEAR(report.loss, nll / static_cast<double>(labels), 1e-5);
  EXPECT_EQ(report.tokens, tokens);
  EXPECT_EQ(report.label_tokens, labels);
  EXPECT_EQ(report.step, 1);
  EXPECT_EQ(report.learning_rate, 1e-2);
  EXPECT_TRUE(report.sampled_ranks.empty());
}

TEST(Trainer, DyloraDrawsFromTheTrainRanks) {
  const auto rule = tiny_rule(Method::dylora, {1, 3, 4});
  const auto draws = [&](uint64_t seed) {
    Recipe recipe = some_recipe(1, 8);
    recipe.seed = seed;
    TinyRun run(rule, recipe);
    std::vector<int64_t> ranks;
    for (const StepReport& report : run.run(6)) {
      const bool last = report.step % 3 == 0;  // of an epoch: four examples are left
      EXPECT_EQ(report.sampled_ranks.size(), last ? 4u : 8u);
      ranks.insert(ranks.end(), report.sampled_ranks.begin(), report.sampled_ranks.end());
    }
    return ranks;
  };
  const std::vector<int64_t> ranks = draws(1);
  EXPECT_EQ(std::set<int64_t>(ranks.begin(), ranks.end()), (std::set<int64_t>{1, 3, 4}));
  EXPECT_EQ(draws(1), ranks);
  EXPECT_NE(draws(2), ranks);
}

TEST(Trainer, DyloraLeavesDirectionsAboveTheRankAlone) {
  TinyRun run(tiny_rule(Method::dylora, {2}), some_recipe(4, 2));
  const auto before = run.matrices();
  run.run(3);
  const auto after = run.matrices();
  for (size_t i = 0; i < after.size(); ++i) {
    const int64_t dim = i % 2;  // A: rows, B: columns
    EXPECT_TRUE(at::equal(after[i].slice(dim, 2), before[i].slice(dim, 2)));
    EXPECT_FALSE(at::equal(after[i].slice(dim, 0, 2), before[i].slice(dim, 0, 2)));
  }
}

TEST(Trainer, MatryoshkaOfTheFullRankIsLora) {
  TinyRun matryoshka(tiny_rule(Method::matryoshka, {4}), some_recipe(4, 2));
  TinyRun lora(tiny_rule(Method::lora, {4}), some_recipe(4, 2));
  const auto a = matryoshka.run(4), b = lora.run(4);
  for (size_t i = 0; i < b.size(); ++i) EXPECT_EQ(a[i].loss, b[i].loss);
  EXPECT_TRUE(same_bits(matryoshka.matrices(), lora.matrices()));
}

// B is zero at first, so A's first gradient is too.
TEST(Trainer, TrainsBothMatricesAndNothingElse) {
  TinyRun run(tiny_rule(Method::matryoshka, {1, 2, 4}), some_recipe(4, 2));
  const auto start = run.matrices();
  run.run(1);
  const auto first = run.matrices();
  run.run(1);
  const auto second = run.matrices();
  for (size_t i = 0; i < start.size(); i += 2) {
    EXPECT_TRUE(at::equal(first[i], start[i]));
    EXPECT_FALSE(at::equal(second[i], start[i]));
    EXPECT_FALSE(at::equal(first[i + 1], start[i + 1]));
  }
  const nn::Decoder base = tests::tiny_llama();
  for (size_t i = 0; i < base.layers.size(); ++i) {
    EXPECT_TRUE(
        at::equal(run.model.layers[i].qkv[0].linear.weight, base.layers[i].qkv[0].linear.weight));
    EXPECT_FALSE(run.model.layers[i].qkv[0].linear.weight.requires_grad());
  }
}

TEST(Trainer, LearnsItsExamples) {
  Recipe recipe = some_recipe(4, 1);
  recipe.max_steps = 60;
  recipe.schedule = Schedule::constant;
  TinyRun run(tiny_rule(Method::matryoshka, {1, 2, 4}), recipe, 4);
  const auto reports = run.run(60);
  EXPECT_LT(reports.back().loss, 0.9 * reports.front().loss);
  EXPECT_TRUE(run.trainer.done());
  EXPECT_THROW(run.trainer.run_step(), BugError);
}

TEST(Trainer, SameSeedSameBytes) {
  const auto rule = tiny_rule(Method::dylora, {1, 2, 4});
  Recipe recipe = some_recipe(2, 4);
  TinyRun first(rule, recipe), again(rule, recipe);
  first.run(4);
  again.run(4);
  EXPECT_TRUE(same_bits(first.matrices(), again.matrices()));
  recipe.seed = 43;
  TinyRun other(rule, recipe);
  other.run(4);
  EXPECT_FALSE(same_bits(first.matrices(), other.matrices()));
}

TEST(Trainer, RejectsALossThatIsNotFinite) {
  TinyRun run(tiny_rule(Method::lora, {4}), some_recipe(4, 2));
  run.model.norm.fill_(std::numeric_limits<float>::quiet_NaN());
  const auto before = run.matrices();
  const std::string message = tests::user_error([&] { run.trainer.run_step(); });
  tests::expect_has(message, "step 1: the loss is");
  tests::expect_has(message, "a lower learning_rate may help");
  EXPECT_TRUE(same_bits(run.matrices(), before));
}

// Packs are cut at 512 tokens: 200 examples of 3 to 11 tokens are more than one.
TEST(Trainer, ADroppedStepChangesNothing) {
  const auto rule = tiny_rule(Method::dylora, {1, 2, 4});
  TinyRun whole(rule, some_recipe(200, 1), 400), stopped(rule, some_recipe(200, 1), 400);
  const auto expected = whole.run(2);
  std::vector<int64_t> asked;
  const auto dropped = stopped.trainer.try_step([&](int64_t done, int64_t total) {
    EXPECT_EQ(total, expected[0].tokens);
    asked.push_back(done);
    return false;
  });
  EXPECT_FALSE(dropped);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_GT(asked[0], 0);
  EXPECT_LT(asked[0], expected[0].tokens);
  EXPECT_EQ(stopped.trainer.step(), 0);
  const auto reports = stopped.run(2);
  for (size_t i = 0; i < reports.size(); ++i) EXPECT_EQ(reports[i].loss, expected[i].loss);
  EXPECT_TRUE(same_bits(stopped.matrices(), whole.matrices()));
}

TEST(Trainer, NestedWithOneRankIsLora) {
  auto rule = tiny_rule(Method::nested, {4});
  for (const adapter::Mask mask : {adapter::Mask::diag, adapter::Mask::constant}) {
    rule.mask = mask;
    TinyRun nested(rule, some_recipe(4, 2)), lora(tiny_rule(Method::lora, {4}), some_recipe(4, 2));
    const auto got = nested.run(3), expected = lora.run(3);
    for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i].loss, expected[i].loss);
    EXPECT_TRUE(same_bits(nested.matrices(), lora.matrices()));
  }
}

// With a scale that does not depend on the rank, a batch that has one rank is DyLoRA's.
TEST(Trainer, NestedWithOneRankForAllIsDylora) {
  auto rule = tiny_rule(Method::nested, {2, 4});
  rule.mask = adapter::Mask::constant;
  Recipe recipe = some_recipe(4, 2);
  recipe.rank_weights = "2:1";
  TinyRun nested(rule, recipe);
  auto other = tiny_rule(Method::dylora, {2});
  other.mask = adapter::Mask::constant;
  TinyRun dylora(other, recipe);
  const auto got = nested.run(3), expected = dylora.run(3);
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i].loss, expected[i].loss, 1e-6);
  const auto a = nested.matrices(), b = dylora.matrices();
  for (size_t i = 0; i < a.size(); ++i) EXPECT_LT((a[i] - b[i]).abs().max().item<float>(), 1e-5);
}

// A packed step whose sequences have ranks of their own has the sum of the gradients that each
// sequence gives alone, with the gate cut to its rank.
TEST(Trainer, RanksOfSequencesEqualOneSequenceAtATime) {
  TinyRun run(tiny_rule(Method::nested, {1, 2, 4}), some_recipe(6, 1));
  for (adapter::LayerAdapter& layer : run.adapter.layers) {
    const at::NoGradGuard no_grad;
    layer.b.copy_(tests::random_tensor(layer.b.sizes(), 5, at::kFloat, 0.1));
  }
  const std::vector<int64_t> ranks = {4, 1, 2, 4, 1, 3}, indices = {0, 1, 2, 3, 4, 5};
  const std::vector<double> gate = adapter::training_gate(run.adapter.rule);
  const auto gradients = [&] {
    std::vector<at::Tensor> result;
    for (adapter::LayerAdapter& layer : run.adapter.layers) {
      for (at::Tensor* matrix : {&layer.a, &layer.b}) {
        result.push_back(matrix->grad().to(at::kDouble));
        matrix->mutable_grad() = at::Tensor();
      }
    }
    return result;
  };
  const auto backward = [&](const data::Pack& pack, const at::Tensor& directions) {
    const at::Tensor h =
        run.trainer.model().hidden(pack.tokens, pack.lengths, pack.rows, {.mask = directions});
    run.model.scores(h, pack.labels).losses.sum().backward();
  };
  const data::Pack pack = data::pack(run.examples, indices, at::kCPU);
  at::Tensor mask = at::zeros({pack.token_count(), 4});
  for (int64_t i = 0, first = 0; i < 6; first += pack.lengths[static_cast<size_t>(i++)]) {
    const int64_t length = pack.lengths[static_cast<size_t>(i)];
    mask.narrow(0, first, length).narrow(1, 0, ranks[static_cast<size_t>(i)]).fill_(1);
  }
  run.trainer.gate().set(gate, at::kCPU);
  backward(pack, mask);
  const auto together = gradients();
  for (const int64_t i : indices) {
    const std::vector<int64_t> one = {i};
    run.trainer.gate().set(
        std::span(gate).first(static_cast<size_t>(ranks[static_cast<size_t>(i)])), at::kCPU);
    backward(data::pack(run.examples, one, at::kCPU), {});
  }
  const auto alone = gradients();
  for (size_t i = 0; i < alone.size(); ++i) {
    EXPECT_LT(tests::relative_error(together[i], alone[i]), 1e-5) << i;
  }
}

}  // namespace
}  // namespace matlora::train
