// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) as torch.optim.AdamW computes it:
//   p -= lr·weight_decay·p
//   m = β1 m + (1-β1) g,  v = β2 v + (1-β2) g²
//   p -= lr · (m / (1-β1^t)) / (√(v / (1-β2^t)) + eps)
// with β1 = 0.9, β2 = 0.999, eps = 1e-8, through torch's fused kernel.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <utility>

#include "matlora/train/gradients.h"
#include "matlora/train/optimizers/factories.h"

namespace matlora::train {
namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEps = 1e-8;

class AdamW : public Optimizer {
 public:
  AdamW(std::vector<at::Tensor> parameters, double weight_decay)
      : parameters_(std::move(parameters)), weight_decay_(weight_decay) {
    for (const at::Tensor& p : parameters_) {
      first_.push_back(at::zeros_like(p));
      second_.push_back(at::zeros_like(p));
      steps_.push_back(at::zeros({}, p.options()));
    }
  }

  const char* name() const override { return "adamw"; }

  void step(double learning_rate) override {
    const at::NoGradGuard no_grad;
    const std::vector<at::Tensor> all = gradients_of(parameters_);
    at::_foreach_add_(steps_, 1);
    at::_fused_adamw_(parameters_, all, first_, second_, /*max_exp_avg_sqs=*/{}, steps_,
                      learning_rate, kBeta1, kBeta2, weight_decay_, kEps, /*amsgrad=*/false,
                      /*maximize=*/false);
    drop_gradients(parameters_);
  }

  std::vector<OptimizerState> state() const override {
    return {{"first_moment", first_}, {"second_moment", second_}};
  }

  void restore(const std::vector<OptimizerState>& state, int64_t steps) override {
    copy_state(state, this->state());
    const at::NoGradGuard no_grad;
    for (at::Tensor& count : steps_) count.fill_(static_cast<double>(steps));
  }

 private:
  std::vector<at::Tensor> parameters_, first_, second_, steps_;
  double weight_decay_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adamw(std::vector<at::Tensor> parameters,
                                      const OptimizerOptions& options) {
  return std::make_unique<AdamW>(std::move(parameters), options.weight_decay);
}

}  // namespace matlora::train
