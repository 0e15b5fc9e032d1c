// Gradient descent as torch.optim.SGD computes it without momentum:
//   p -= lr · (g + weight_decay·p)
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <utility>

#include "matlora/train/gradients.h"
#include "matlora/train/optimizers/factories.h"

namespace matlora::train {
namespace {

class Sgd : public Optimizer {
 public:
  Sgd(std::vector<at::Tensor> parameters, double weight_decay)
      : parameters_(std::move(parameters)), weight_decay_(weight_decay) {}

  const char* name() const override { return "sgd"; }

  void step(double learning_rate) override {
    const at::NoGradGuard no_grad;
    const std::vector<at::Tensor> all = gradients_of(parameters_);
    if (weight_decay_ != 0) at::_foreach_add_(all, parameters_, weight_decay_);
    at::_foreach_add_(parameters_, all, -learning_rate);
    drop_gradients(parameters_);
  }

  std::vector<OptimizerState> state() const override { return {}; }

  void restore(const std::vector<OptimizerState>& state, int64_t) override {
    copy_state(state, {});
  }

 private:
  std::vector<at::Tensor> parameters_;
  double weight_decay_;
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(std::vector<at::Tensor> parameters,
                                    const OptimizerOptions& options) {
  return std::make_unique<Sgd>(std::move(parameters), options.weight_decay);
}

}  // namespace matlora::train
