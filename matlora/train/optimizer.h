// An optimizer: what one step does with the gradients, and the numbers that it keeps from step to
// step. Each kind is a file in optimizers/ and a line of the table in optimizer.cpp; clip.h limits
// gradients before a step.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::train {

/// One kind of number that an optimizer keeps, such as AdamW's first moments: a tensor for each
/// parameter, in the order and of the shape of the parameters, float32.
struct OptimizerState {
  std::string name;  // what a checkpoint calls it
  std::vector<at::Tensor> values;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// The name in the table.
  virtual const char* name() const = 0;

  /// One update with the gradients that are there (none is a zero gradient); then they are cleared.
  virtual void step(double learning_rate) = 0;

  /// All that a checkpoint needs apart from the parameters and the number of steps: the live
  /// tensors, not copies.
  virtual std::vector<OptimizerState> state() const = 0;

  /// Continues a run after `steps` updates with a state() of the same kind, whose tensors are
  /// copied. Throws BugError when names or numbers of tensors are others.
  virtual void restore(const std::vector<OptimizerState>& state, int64_t steps) = 0;
};

struct OptimizerOptions {
  double weight_decay = 0;
};

/// `parameters`: float32 leaves that require gradients; the optimizer shares them.
using OptimizerFactory = std::unique_ptr<Optimizer>(std::vector<at::Tensor> parameters,
                                                    const OptimizerOptions& options);

struct OptimizerKind {
  const char* name;
  OptimizerFactory* make;
};

/// The table: every kind, the default first.
std::span<const OptimizerKind> optimizers();

/// The kind of that name. Throws UserError at `where`, naming all, when there is none.
const OptimizerKind& optimizer_named(const std::string& name, const std::string& where);

/// Copies `from` into `into`. Throws BugError when their names or numbers of tensors differ.
void copy_state(const std::vector<OptimizerState>& from, const std::vector<OptimizerState>& into);

}  // namespace matlora::train
