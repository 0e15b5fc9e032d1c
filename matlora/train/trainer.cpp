#include "matlora/train/trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "matlora/base/error.h"
#include "matlora/data/packing.h"
#include "matlora/data/sampling.h"
#include "matlora/train/clip.h"
#include "matlora/train/gradients.h"

namespace matlora::train {
namespace {

/// Tokens in flight at once; bounds the memory of a step, changes no result. Enough rows for the
/// products to run at full speed.
constexpr int64_t kTokenBudget = 512;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t micro_batches_per_epoch(int64_t examples, const Recipe& recipe) {
  return ceil_div(examples, recipe.batch_size);
}

int64_t steps_per_epoch(int64_t examples, const Recipe& recipe) {
  return ceil_div(micro_batches_per_epoch(examples, recipe), recipe.grad_accum);
}

std::vector<at::Tensor> make_leaves(adapter::Adapter& adapter) {
  adapter::validate(adapter.rule, "trainer");
  std::vector<at::Tensor> parameters;
  for (adapter::LayerAdapter& layer : adapter.layers) {
    parameters.push_back(layer.a.requires_grad_());
    parameters.push_back(layer.b.requires_grad_());
  }
  return parameters;
}

/// The layers compute what is trained. `gate` is that of all of them.
void put_on(nn::Decoder& model, const adapter::Adapter& adapter,
            const std::shared_ptr<const adapter::Gate>& gate) {
  std::map<std::string, const adapter::LayerAdapter*> layers;
  for (const adapter::LayerAdapter& layer : adapter.layers) layers[layer.layer] = &layer;
  nn::for_each_linear(model, [&](const std::string& name, nn::Linear& linear) {
    const auto found = layers.find(name);
    linear.delta = found == layers.end() ? nullptr
                                         : std::make_shared<const adapter::NestedLora>(
                                               found->second->a, found->second->b, gate);
  });
}

/// Which directions each token of sequences of these lengths and ranks uses: [N, R], 1 or 0.
/// Undefined where all of them use all.
at::Tensor directions_of(const std::vector<int64_t>& lengths, std::span<const int64_t> ranks,
                         int64_t full, const nn::Decoder& model) {
  if (std::all_of(ranks.begin(), ranks.end(), [&](int64_t r) { return r == full; })) return {};
  const at::Tensor of_each =
      at::repeat_interleave(at::tensor(at::IntArrayRef(ranks.data(), ranks.size()), at::kLong),
                            at::tensor(lengths, at::kLong));  // [N]
  const at::Tensor mask = at::arange(full, at::kLong).unsqueeze(0) < of_each.unsqueeze(1);
  return mask.to(model.device(), model.dtype());
}

/// Backpropagates the sum of the token losses times `weight`; returns the sum itself. directions:
/// [N, R], or undefined.
double backward_loss(const nn::Decoder& model, const data::Pack& pack, const at::Tensor& directions,
                     double weight) {
  const at::Tensor hidden =
      model.hidden(pack.tokens, pack.lengths, pack.rows, {.mask = directions});  // [M, C]
  const at::Tensor losses = model.scores(hidden, pack.labels).losses;            // [M]
  losses.backward(at::full_like(losses, weight));
  return losses.sum(at::kDouble).item<double>();
}

}  // namespace

int64_t total_steps(int64_t examples, const Recipe& recipe) {
  if (recipe.max_steps > 0) return recipe.max_steps;
  const double steps = recipe.epochs * static_cast<double>(steps_per_epoch(examples, recipe));
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(steps)));
}

Trainer::Trainer(const nn::Decoder& model, adapter::Adapter& adapter,
                 std::span<const data::Example> examples, const Recipe& recipe,
                 const std::string& where)
    : model_(model),
      adapter_(adapter),
      examples_(examples),
      recipe_(recipe),
      total_(total_steps(static_cast<int64_t>(examples.size()), recipe)),
      warmup_(warmup_steps(total_, recipe.warmup_ratio)),
      parameters_(make_leaves(adapter)),
      optimizer_(optimizer_named(recipe.optimizer, "trainer: optimizer")
                     .make(parameters_, {.weight_decay = recipe.weight_decay})),
      weights_(adapter.rule.method == adapter::Method::nested
                   ? parse_rank_weights(recipe.rank_weights, adapter.rule, "rank weights")
                   : RankWeights()) {
  check(!examples.empty(), "trainer: no examples");
  adapter::check_fits(model_, adapter, where);
  put_on(model_, adapter, gate_);
}

std::vector<Trainer::Indices> Trainer::micro_batches(int64_t step) const {
  const auto count = static_cast<int64_t>(examples_.size());
  const int64_t per_epoch = steps_per_epoch(count, recipe_);
  const Indices order = data::epoch_order(count, step / per_epoch, recipe_.shuffle, recipe_.seed);
  const int64_t first = step % per_epoch * recipe_.grad_accum;
  const int64_t last =
      std::min(first + recipe_.grad_accum, micro_batches_per_epoch(count, recipe_));
  std::vector<Indices> result;
  for (int64_t micro = first; micro < last; ++micro) {
    const int64_t begin = micro * recipe_.batch_size;
    result.emplace_back(order.begin() + begin,
                        order.begin() + std::min(begin + recipe_.batch_size, count));
  }
  return result;
}

/// What a step takes in.
StepReport Trainer::new_report(const std::vector<Indices>& batches) const {
  StepReport report;
  for (const Indices& indices : batches) {
    for (const int64_t i : indices) {
      report.tokens += static_cast<int64_t>(examples_[static_cast<size_t>(i)].tokens.size());
      report.label_tokens += examples_[static_cast<size_t>(i)].label_tokens();
    }
  }
  return report;
}

/// Nested's rank of every sequence of a step, in order; empty for other methods.
std::vector<int64_t> Trainer::sequence_ranks(const std::vector<Indices>& batches) const {
  if (adapter_.rule.method != adapter::Method::nested) return {};
  size_t count = 0;
  for (const Indices& indices : batches) count += indices.size();
  return draw_ranks(weights_.ranks, weights_.at(step_, total_), recipe_.seed, step_, count);
}

void Trainer::select_gate(size_t micro, StepReport& report) {
  int64_t rank = 0;
  if (adapter_.rule.method == adapter::Method::dylora) {
    rank = draw_rank(adapter_.rule, recipe_.seed, step_, micro);
    report.sampled_ranks.push_back(rank);
  }
  std::vector<double> gate = adapter::training_gate(adapter_.rule, rank);
  if (rank > 0) gate.resize(static_cast<size_t>(rank));  // the rest is zero: no work for it
  gate_->set(gate, model_.device());
}

/// The optimizer's part of a step whose gradients are there.
void Trainer::update(StepReport& report) {
  report.loss /= static_cast<double>(report.label_tokens);
  report.grad_norm = clip_gradients(parameters_, recipe_.max_grad_norm);
  if (!std::isfinite(report.loss) || !std::isfinite(report.grad_norm)) {
    fail("train", "step ", step_ + 1, ": the loss is ", report.loss, " and the gradient norm ",
         report.grad_norm, "; a lower --lr may help");
  }
  report.learning_rate =
      learning_rate(recipe_.schedule, recipe_.learning_rate, step_, total_, warmup_);
  const auto lock = hold();
  optimizer_->step(report.learning_rate);
  report.step = ++step_;
}

std::optional<StepReport> Trainer::try_step(const AfterPack& after_pack) {
  check(!done(), "trainer: step ", step_, " of ", total_);
  const auto start = std::chrono::steady_clock::now();
  const std::vector<Indices> batches = micro_batches(step_);
  StepReport report = new_report(batches);
  const double weight = 1.0 / static_cast<double>(report.label_tokens);
  const std::vector<int64_t> ranks = sequence_ranks(batches);
  report.sampled_ranks = ranks;
  int64_t tokens = 0;
  size_t sequence = 0;
  for (size_t micro = 0; micro < batches.size(); ++micro) {
    select_gate(micro, report);
    for (const Indices& group : data::split_by_tokens(examples_, batches[micro], kTokenBudget)) {
      const data::Pack pack = data::pack(examples_, group, model_.device());
      at::Tensor directions;
      if (!ranks.empty()) {
        directions = directions_of(pack.lengths, std::span(ranks).subspan(sequence, group.size()),
                                   adapter_.rule.rank, model_);
        sequence += group.size();
      }
      report.loss += backward_loss(model_, pack, directions, weight);
      tokens += pack.token_count();
      if (after_pack && tokens < report.tokens && !after_pack(tokens, report.tokens)) {
        drop_gradients(parameters_);
        return std::nullopt;
      }
    }
  }
  update(report);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

std::vector<data::Example> Trainer::last_examples(int64_t tokens) const {
  std::vector<data::Example> result;
  int64_t found = 0;
  for (int64_t step = step_ - 1; step >= 0 && found < tokens; --step) {
    for (const Indices& indices : micro_batches(step)) {
      for (const int64_t i : indices) {
        result.push_back(examples_[static_cast<size_t>(i)]);
        found += static_cast<int64_t>(result.back().tokens.size());
      }
    }
  }
  return result;
}

StepReport Trainer::run_step() { return *try_step({}); }

}  // namespace matlora::train
