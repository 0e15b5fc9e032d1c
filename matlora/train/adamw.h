// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) as torch.optim.AdamW computes it:
//   p -= lr·weight_decay·p
//   m = β1 m + (1-β1) g,  v = β2 v + (1-β2) g²
//   p -= lr · (m / (1-β1^t)) / (√(v / (1-β2^t)) + eps)
// with β1 = 0.9, β2 = 0.999, eps = 1e-8, through torch's fused kernel.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::train {

class AdamW {
 public:
  /// `parameters`: float32 leaves that require gradients.
  AdamW(std::vector<at::Tensor> parameters, double weight_decay);

  /// Scales all gradients so that their common 2-norm is at most `max_norm` (0: no limit), as
  /// torch.nn.utils.clip_grad_norm_ does. Returns the norm before.
  double clip_gradients(double max_norm);

  /// One update with the gradients that are there; then they are cleared.
  void step(double learning_rate);

  /// Clears the gradients of a step that will not come to its end.
  void drop_gradients();

  /// What a checkpoint needs beside the parameters, in their order.
  const std::vector<at::Tensor>& first_moments() const { return first_; }
  const std::vector<at::Tensor>& second_moments() const { return second_; }
  /// Takes up a run after `steps` updates. The tensors are copied. Throws BugError when they do not
  /// fit.
  void restore(const std::vector<at::Tensor>& first, const std::vector<at::Tensor>& second,
               int64_t steps);

 private:
  std::vector<at::Tensor> gradients();

  std::vector<at::Tensor> parameters_, first_, second_, steps_;
  double weight_decay_;
};

}  // namespace matlora::train
