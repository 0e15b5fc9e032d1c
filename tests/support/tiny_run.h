// A training run on the tiny model, ready to step.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/data/examples.h"
#include "matlora/train/trainer.h"
#include "tests/support/tiny_llama.h"

namespace matlora::tests {

/// Examples of 3 to 11 random tokens.
inline std::vector<data::Example> tiny_examples(int64_t count) {
  std::vector<data::Example> examples;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t length = 3 + i * 5 % 9;
    const at::Tensor tokens = random_tokens(length, 50, static_cast<uint64_t>(50 + i));
    const int64_t* ids = tokens.const_data_ptr<int64_t>();
    data::Example example;
    example.tokens.assign(ids, ids + length);
    example.first_label = 1 + i % 2;
    examples.push_back(example);
  }
  return examples;
}

/// Everything that a Trainer refers to, and the Trainer. B is zero, as in every new run.
class TinyRun {
 public:
  TinyRun(const adapter::GateRule& rule, const train::Recipe& recipe, int64_t example_count = 20)
      : model(tiny_llama()),
        adapter(fresh(model, rule)),
        examples(tiny_examples(example_count)),
        trainer(model, adapter, examples, recipe) {}
  TinyRun(const TinyRun&) = delete;
  TinyRun& operator=(const TinyRun&) = delete;

  std::vector<train::StepReport> run(int64_t steps) {
    std::vector<train::StepReport> reports;
    for (int64_t i = 0; i < steps; ++i) reports.push_back(trainer.run_step());
    return reports;
  }

  /// Copies of A and B of every layer: A, B, A, B, ..
  std::vector<at::Tensor> matrices() const {
    std::vector<at::Tensor> result;
    for (const adapter::LayerAdapter& layer : adapter.layers) {
      result.push_back(layer.a.detach().clone());
      result.push_back(layer.b.detach().clone());
    }
    return result;
  }

  nn::Decoder model;
  adapter::Adapter adapter;
  std::vector<data::Example> examples;
  train::Trainer trainer;

 private:
  static adapter::Adapter fresh(nn::Decoder& model, const adapter::GateRule& rule) {
    adapter::Adapter adapter;
    adapter.rule = rule;
    const std::vector<std::string> targets = {"q_proj", "v_proj", "down_proj"};
    adapter.layers = adapter::new_layers(model, targets, rule.rank, adapter::Init::kaiming, 7);
    return adapter;
  }
};

inline adapter::GateRule tiny_rule(adapter::Method method, std::vector<int64_t> train_ranks,
                                   int64_t rank = 4) {
  adapter::GateRule rule;
  rule.method = method;
  rule.rank = rank;
  rule.train_ranks = std::move(train_ranks);
  return rule;
}

/// Whether two lists of tensors are the same to the bit.
inline bool same_bits(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i], b[i])) return false;
  }
  return true;
}

}  // namespace matlora::tests
