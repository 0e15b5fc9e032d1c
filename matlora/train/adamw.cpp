#include "matlora/train/adamw.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "matlora/base/error.h"

namespace matlora::train {
namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEps = 1e-8;
constexpr double kClipEps = 1e-6;  // clip_grad_norm_'s

}  // namespace

AdamW::AdamW(std::vector<at::Tensor> parameters, double weight_decay)
    : parameters_(std::move(parameters)), weight_decay_(weight_decay) {
  for (const at::Tensor& p : parameters_) {
    first_.push_back(at::zeros_like(p));
    second_.push_back(at::zeros_like(p));
    steps_.push_back(at::zeros({}, p.options()));
  }
}

std::vector<at::Tensor> AdamW::gradients() {
  std::vector<at::Tensor> result;
  for (at::Tensor& p : parameters_) {
    if (!p.grad().defined()) p.mutable_grad() = at::zeros_like(p);
    result.push_back(p.grad());
  }
  return result;
}

double AdamW::clip_gradients(double max_norm) {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> all = gradients();
  const double norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(all))).item<double>();
  if (max_norm > 0) {
    const double factor = std::min(1.0, max_norm / (norm + kClipEps));
    if (factor < 1) at::_foreach_mul_(all, factor);
  }
  return norm;
}

void AdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> all = gradients();
  at::_foreach_add_(steps_, 1);
  at::_fused_adamw_(parameters_, all, first_, second_, /*max_exp_avg_sqs=*/{}, steps_,
                    learning_rate, kBeta1, kBeta2, weight_decay_, kEps, /*amsgrad=*/false,
                    /*maximize=*/false);
  drop_gradients();
}

void AdamW::drop_gradients() {
  for (at::Tensor& p : parameters_) p.mutable_grad() = at::Tensor();
}

void AdamW::restore(const std::vector<at::Tensor>& first, const std::vector<at::Tensor>& second,
                    int64_t steps) {
  const at::NoGradGuard no_grad;
  check(first.size() == first_.size() && second.size() == second_.size(),
        "adamw: moments of another number of parameters");
  for (size_t i = 0; i < first.size(); ++i) {
    first_[i].copy_(first[i]);
    second_[i].copy_(second[i]);
    steps_[i].fill_(static_cast<double>(steps));
  }
}

}  // namespace matlora::train
