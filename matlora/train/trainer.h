// Training an adapter on a frozen model, with the recipe of transformers' Trainer: one optimizer
// step takes grad_accum micro-batches of batch_size examples; its loss is the sum of all their
// token losses over the number of their label tokens, so it does not depend on how the step is cut
// into pieces. Everything that is drawn (the order of an epoch, DyLoRA's ranks) is a function of
// the seed and the step, so a run can be taken up at any step.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/adapter/nested_lora.h"
#include "matlora/data/examples.h"
#include "matlora/nn/decoder.h"
#include "matlora/train/optimizer.h"
#include "matlora/train/rank_draw.h"
#include "matlora/train/schedule.h"

namespace matlora::train {

struct Recipe {
  double epochs = 3;
  int64_t max_steps = 0;  // > 0: instead of epochs
  int64_t batch_size = 8, grad_accum = 4;
  double learning_rate = 5e-3;
  Schedule schedule = Schedule::linear;
  double warmup_ratio = 0, weight_decay = 0;
  double max_grad_norm = 1;  // 0: no clipping
  bool shuffle = true;
  uint64_t seed = 42;
  std::string rank_weights = "full:0.85..0.35";  // of nested, see rank_draw.h
  std::string optimizer = "adamw";               // a name of optimizer.h's table
};

/// Optimizer steps of a run over `examples` examples: transformers' count, where the last step of
/// an epoch may have fewer micro-batches and its last micro-batch fewer examples.
int64_t total_steps(int64_t examples, const Recipe& recipe);

/// What one optimizer step did.
struct StepReport {
  int64_t step = 0;  // counted from 1
  double loss = 0;   // nats per label token
  double grad_norm = 0, learning_rate = 0;
  int64_t tokens = 0, label_tokens = 0;  // of this step, no padding
  double seconds = 0;
  std::vector<int64_t> sampled_ranks;  // DyLoRA: one per micro-batch; nested: per sequence
};

class Trainer {
 public:
  /// The adapter's matrices become leaves that require gradients. Keeps references to it and to the
  /// examples. Throws UserError when it does not fit the model (check_fits, at `where`) and for an
  /// unknown optimizer.
  Trainer(const nn::Decoder& model, adapter::Adapter& adapter,
          std::span<const data::Example> examples, const Recipe& recipe,
          const std::string& where = "adapter");

  bool done() const { return step_ >= total_; }
  int64_t step() const { return step_; }  ///< steps that are done
  int64_t total() const { return total_; }

  /// Asked behind every pack of a step but the last: tokens that are done, tokens of the step.
  /// False drops the step.
  using AfterPack = std::function<bool(int64_t done, int64_t total)>;

  /// Runs one optimizer step. Throws UserError when the loss is not finite.
  StepReport run_step();
  /// The same; nothing when `after_pack` dropped it, and then everything is as before the step.
  std::optional<StepReport> try_step(const AfterPack& after_pack);

  /// While the lock is held, matrices, optimizer and step() stay those of a whole step; for another
  /// thread that saves them.
  [[nodiscard]] std::unique_lock<std::mutex> hold() { return std::unique_lock(updating_); }

  /// The examples of the last steps, the latest step first: of as many whole steps as reach
  /// `tokens` tokens, or of all.
  std::vector<data::Example> last_examples(int64_t tokens) const;

  /// The model with the adapter as the last micro-batch had it.
  const nn::Decoder& model() const { return model_; }
  /// The gate of model().
  adapter::Gate& gate() { return *gate_; }

  Optimizer& optimizer() { return *optimizer_; }
  /// Goes on as if `step` steps were done (the caller restores matrices and optimizer).
  void set_step(int64_t step) { step_ = step; }

 private:
  using Indices = std::vector<int64_t>;

  std::vector<Indices> micro_batches(int64_t step) const;
  StepReport new_report(const std::vector<Indices>& batches) const;
  std::vector<int64_t> sequence_ranks(const std::vector<Indices>& batches) const;
  void select_gate(size_t micro, StepReport& report);
  void update(StepReport& report);

  nn::Decoder model_;  // shares its weights with the caller's
  std::shared_ptr<adapter::Gate> gate_ = std::make_shared<adapter::Gate>();
  adapter::Adapter& adapter_;
  std::span<const data::Example> examples_;
  Recipe recipe_;
  int64_t total_ = 0, warmup_ = 0, step_ = 0;
  std::vector<at::Tensor> parameters_;  // A, B, A, B, ..
  std::unique_ptr<Optimizer> optimizer_;
  RankWeights weights_;  // of nested
  std::mutex updating_;
};

}  // namespace matlora::train
