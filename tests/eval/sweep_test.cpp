// A tiny model in float64, so that two ways of computing the same thing agree to many digits.
#include "matlora/eval/sweep.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "tests/support/tiny_llama.h"

namespace matlora::eval {
namespace {

using tests::random_tensor;
using tests::tiny_llama;

constexpr int64_t kRank = 6;
constexpr double kTolerance = 1e-6;  // gates and adapters are float32

std::vector<data::Example> some_examples() {
  std::vector<data::Example> examples;
  const std::vector<std::pair<int64_t, int64_t>> shapes = {{9, 4}, {2, 1}, {14, 1}, {7, 6}};
  for (const auto& [length, first_label] : shapes) {
    data::Example example;
    const auto seed = static_cast<uint64_t>(examples.size() + 10);
    const at::Tensor tokens = tests::random_tokens(length, 50, seed);
    const int64_t* ids = tokens.const_data_ptr<int64_t>();
    example.tokens.assign(ids, ids + length);
    example.first_label = first_label;
    examples.push_back(example);
  }
  return examples;
}

adapter::Adapter some_adapter(nn::Decoder& model, adapter::Scaling scaling) {
  adapter::Adapter adapter;
  adapter.rule.method = adapter::Method::matryoshka;
  adapter.rule.scaling = scaling;
  adapter.rule.rank = kRank;
  adapter.rule.train_ranks = {1, 2, 4};
  const std::vector<std::string> targets = {"q_proj", "v_proj", "down_proj"};
  adapter.layers = adapter::new_layers(model, targets, kRank, adapter::Init::kaiming, 7);
  uint64_t seed = 100;
  for (auto& layer : adapter.layers) {
    layer.b = random_tensor(layer.b.sizes(), ++seed, at::kFloat, 0.5);
  }
  return adapter;
}

/// The model with the first k directions folded into its weights: W + B_:k diag(g) A_:k.
nn::Decoder folded(const adapter::Adapter& adapter, const std::vector<double>& gate) {
  nn::Decoder model = tiny_llama({}, at::kDouble);
  std::map<std::string, const adapter::LayerAdapter*> layers;
  for (const auto& layer : adapter.layers) layers[layer.layer] = &layer;
  const auto k = static_cast<int64_t>(gate.size());
  const at::Tensor g = at::tensor(gate, at::kDouble);
  nn::for_each_linear(model, [&](const std::string& name, nn::Linear& linear) {
    if (layers.count(name) == 0) return;
    const at::Tensor a = layers[name]->a.to(at::kDouble).slice(0, 0, k);  // [k, in]
    const at::Tensor b = layers[name]->b.to(at::kDouble).slice(1, 0, k);  // [out, k]
    linear.weight = linear.weight + (b * g).matmul(a);
  });
  return model;
}

struct Direct {
  std::vector<double> nll;
  std::vector<int64_t> correct;  // of each example
  double loss = 0, accuracy = 0;
};

/// One example at a time, logits of every token, a softmax by hand.
Direct direct_scores(const nn::Decoder& model, const std::vector<data::Example>& examples) {
  Direct direct;
  int64_t tokens = 0;
  for (const data::Example& example : examples) {
    const std::vector<int64_t> ids(example.tokens.begin(), example.tokens.end());
    const auto length = static_cast<int64_t>(ids.size());
    const at::Tensor logits =
        model.logits(model.hidden(at::tensor(ids, at::kLong), std::vector<int64_t>{length}));
    double nll = 0;
    int64_t correct = 0;
    for (int64_t t = example.first_label; t < length; ++t, ++tokens) {
      const at::Tensor row = logits[t - 1];
      const int64_t label = ids[static_cast<size_t>(t)];
      nll += std::log(row.exp().sum().item<double>()) - row[label].item<double>();
      correct += row.argmax().item<int64_t>() == label;
    }
    direct.nll.push_back(nll);
    direct.correct.push_back(correct);
    direct.accuracy += static_cast<double>(correct);
    direct.loss += nll;
  }
  direct.loss /= static_cast<double>(tokens);
  direct.accuracy /= static_cast<double>(tokens);
  return direct;
}

/// Cochran's error of a ratio, 4/3 for four examples, over their 20 label tokens.
double loss_error(const Direct& direct, const std::vector<data::Example>& examples) {
  double squares = 0;
  for (size_t i = 0; i < examples.size(); ++i) {
    squares +=
        std::pow(direct.nll[i] - direct.loss * static_cast<double>(examples[i].label_tokens()), 2);
  }
  return std::sqrt(4.0 / 3 * squares) / 20;
}

SweepOptions every_rank(adapter::InferenceGate gate) {
  SweepOptions options;
  for (int64_t k = 0; k <= kRank; ++k) options.ranks.push_back(k);
  options.gate = gate;
  options.samples = true;
  return options;
}

TEST(Sweep, EveryRankEqualsFoldedWeights) {
  const auto examples = some_examples();
  for (const auto scaling : {adapter::Scaling::sqrt, adapter::Scaling::none}) {
    for (const auto how : {adapter::InferenceGate::paper, adapter::InferenceGate::trained}) {
      nn::Decoder model = tiny_llama({}, at::kDouble);
      adapter::Adapter adapter = some_adapter(model, scaling);
      const SweepResult result = run_sweep(model, &adapter, {examples}, every_rank(how));
      ASSERT_EQ(result.rows.size(), static_cast<size_t>(kRank + 1));
      ASSERT_EQ(result.samples.size(), examples.size() * result.rows.size());
      for (int64_t k = 0; k <= kRank; ++k) {
        SCOPED_TRACE(cat(adapter::name(how), " rank ", k));
        const auto gate =
            k == 0 ? std::vector<double>() : adapter::inference_gate(adapter.rule, k, how);
        const Direct expected = direct_scores(folded(adapter, gate), examples);
        const RankScore& row = result.rows[static_cast<size_t>(k)];
        EXPECT_EQ(row.rank, k);
        EXPECT_EQ(row.tokens, 5 + 1 + 13 + 1);
        EXPECT_EQ(row.adapter_parameters, adapter.parameters(k));
        EXPECT_NEAR(row.loss, expected.loss, kTolerance);
        EXPECT_NEAR(row.perplexity, std::exp(expected.loss), kTolerance * row.perplexity);
        EXPECT_DOUBLE_EQ(row.token_accuracy, expected.accuracy);
        EXPECT_NEAR(*row.loss_error, loss_error(expected, examples), 1e-5);
        for (size_t i = 0; i < examples.size(); ++i) {
          const Sample& sample = result.samples[static_cast<size_t>(k) * examples.size() + i];
          EXPECT_EQ(sample.rank, k);
          EXPECT_EQ(sample.index, static_cast<int64_t>(i));
          EXPECT_EQ(sample.tokens, examples[i].label_tokens());
          EXPECT_NEAR(sample.nll, expected.nll[i], 20 * kTolerance);
          EXPECT_EQ(sample.correct, expected.correct[i]);
        }
      }
    }
  }
}

TEST(Sweep, RankZeroIsTheBaseModel) {
  const auto examples = some_examples();
  nn::Decoder adapted = tiny_llama({}, at::kDouble);
  adapter::Adapter adapter = some_adapter(adapted, adapter::Scaling::sqrt);
  SweepOptions options;
  options.ranks = {kRank, 0};
  const SweepResult with = run_sweep(adapted, &adapter, {examples}, options);
  options.ranks = {0};
  const SweepResult without = run_sweep(tiny_llama({}, at::kDouble), nullptr, {examples}, options);
  EXPECT_EQ(with.rows[1].loss, without.rows[0].loss);
  EXPECT_EQ(with.rows[1].token_accuracy, without.rows[0].token_accuracy);
  EXPECT_EQ(with.rows[1].adapter_parameters, 0);
  EXPECT_GT(std::abs(with.rows[0].loss - with.rows[1].loss), 1e-3);
  EXPECT_TRUE(with.samples.empty());
}

TEST(Sweep, PackingChangesNothing) {
  const auto examples = some_examples();
  nn::Decoder model = tiny_llama({}, at::kDouble);
  adapter::Adapter adapter = some_adapter(model, adapter::Scaling::rank);
  SweepOptions options = every_rank(adapter::InferenceGate::paper);
  const SweepResult together = run_sweep(model, &adapter, {examples}, options);
  for (const int64_t budget : {1, 12, 20}) {
    options.pack_tokens = budget;
    const SweepResult apart = run_sweep(model, &adapter, {examples}, options);
    for (size_t i = 0; i < together.rows.size(); ++i) {
      EXPECT_NEAR(apart.rows[i].loss, together.rows[i].loss, 1e-12) << budget;
      EXPECT_EQ(apart.rows[i].token_accuracy, together.rows[i].token_accuracy);
    }
    for (size_t i = 0; i < together.samples.size(); ++i) {
      EXPECT_NEAR(apart.samples[i].nll, together.samples[i].nll, 1e-12) << budget;
    }
  }
}

// More label tokens in one pack than rows of logits exist at once.
TEST(Sweep, ManyLabelTokensInOnePack) {
  data::Example example;
  const at::Tensor tokens = tests::random_tokens(700);
  const int64_t* ids = tokens.const_data_ptr<int64_t>();
  example.tokens.assign(ids, ids + 700);
  example.first_label = 1;
  const std::vector<data::Example> examples = {example, example};
  const nn::Decoder model = tiny_llama({}, at::kDouble);
  SweepOptions options;
  options.ranks = {0};
  const SweepResult result = run_sweep(model, nullptr, {examples}, options);
  const Direct expected = direct_scores(model, {example});
  EXPECT_EQ(result.rows[0].tokens, 2 * 699);
  EXPECT_NEAR(result.rows[0].loss, expected.loss, 1e-9);
  EXPECT_DOUBLE_EQ(result.rows[0].token_accuracy, expected.accuracy);
}

TEST(Sweep, StoppedKeepsTheRanksThatWereDone) {
  nn::Decoder model = tiny_llama({}, at::kDouble);
  adapter::Adapter adapter = some_adapter(model, adapter::Scaling::sqrt);
  const auto examples = some_examples();
  SweepOptions options = every_rank(adapter::InferenceGate::paper);
  options.pack_tokens = 1;  // a pack per example
  size_t asked = 0;
  options.stop = [&] { return asked++ == 2 * examples.size() + 1; };
  const SweepResult result = run_sweep(model, &adapter, {examples}, options);
  EXPECT_TRUE(result.ending.stopped);
  EXPECT_EQ(result.rows.size(), 2u);
  EXPECT_EQ(result.samples.size(), 2 * examples.size());
}

TEST(Sweep, RejectsWhatCannotBeScored) {
  const nn::Decoder model = tiny_llama();
  const auto examples = some_examples();
  SweepOptions options;
  options.ranks = {1};
  EXPECT_THROW(run_sweep(model, nullptr, {examples}, options), BugError);
  options.ranks = {0};
  EXPECT_THROW(run_sweep(model, nullptr, {}, options), BugError);
}

TEST(Sweep, ALossThatIsNoNumberIsAnErrorThatNamesTheRank) {
  nn::Decoder model = tiny_llama({}, at::kDouble);
  adapter::Adapter adapter = some_adapter(model, adapter::Scaling::sqrt);
  const auto examples = some_examples();
  adapter.layers[0].b.select(1, 2).fill_(std::numeric_limits<float>::infinity());  // rank 3 on
  SweepOptions options;
  options.ranks = {2, 3};
  const SweepResult result = run_sweep(model, &adapter, {examples}, options);
  ASSERT_TRUE(result.ending.error);
  const std::string message = result.ending.error->what();
  EXPECT_NE(message.find("rank 3"), std::string::npos) << message;
  ASSERT_EQ(result.rows.size(), 1u);  // what was found before it is kept
  EXPECT_EQ(result.rows[0].rank, 2);
}

}  // namespace
}  // namespace matlora::eval
