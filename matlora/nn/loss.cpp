// M rows, C hidden size, V vocabulary.
#include "matlora/nn/loss.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "matlora/nn/product.h"
#include "matlora/nn/rows.h"

namespace matlora::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Logits that exist at once (32 MiB of float32).
constexpr int64_t kLogits = 1 << 23;

at::ScalarType loss_dtype(const at::Tensor& h) {
  return h.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

/// Scores rows of logits z [m, V]; with `gradient` z becomes softmax(z) - onehot(label).
template <class T>
void score_rows(at::Tensor& z, const at::Tensor& labels, bool gradient, float* losses,
                bool* correct) {
  const int64_t n = z.size(1);
  T* rows = z.mutable_data_ptr<T>();
  const int64_t* label = labels.const_data_ptr<int64_t>();
  for_rows(z.size(0), n, [&](int64_t begin, int64_t end) {
    Scratch<T> scratch(1, n);
    for (int64_t i = begin; i < end; ++i) {
      read_row(rows + i * n, scratch.row(0), n);
      float* row = open_row(rows + i * n, scratch.row(0));
      float sum = 0;
      const RowScore score = score_row(row, n, label[i], sum);
      losses[i] = score.loss;
      correct[i] = score.correct;
      if (!gradient) continue;
      scale(row, 1.0f / sum, n);
      row[label[i]] -= 1.0f;
      write_row(rows + i * n, row, n);
    }
  });
}

/// The same for any device and dtype.
void plain_score_rows(at::Tensor& z, const at::Tensor& labels, bool gradient,
                      const at::Tensor& losses, const at::Tensor& correct) {
  const at::Tensor log_p = z.to(losses.scalar_type()).log_softmax(1);
  const at::Tensor column = labels.unsqueeze(1);
  losses.copy_(log_p.gather(1, column).squeeze(1).neg());
  correct.copy_(z.argmax(1).eq(labels));
  if (!gradient) return;
  const at::Tensor dz = log_p.exp();
  dz.scatter_add_(1, column, at::full({}, -1, dz.options()).expand_as(column));
  z.copy_(dz);
}

/// z := cap · tanh(z / cap); with `gradient` -> its derivative 1 - tanh²(z / cap), [m, V].
at::Tensor cap_rows(at::Tensor& z, double cap, bool gradient) {
  const at::Tensor t =
      (z.to(z.scalar_type() == at::kDouble ? at::kDouble : at::kFloat) / cap).tanh_();
  z.copy_(t * cap);
  return gradient ? (1 - t.square()).to(z.scalar_type()) : at::Tensor();
}

/// Scores rows of logits z [m, V], which are rows from `first` on of losses and correct; with
/// `gradient` z becomes the losses' gradient in z.
void score_chunk(at::Tensor& z, const at::Tensor& labels, bool gradient, int64_t first,
                 const at::Tensor& losses, const at::Tensor& correct) {
  if (!has_kernels(z)) {
    const int64_t m = z.size(0);
    return plain_score_rows(z, labels, gradient, losses.narrow(0, first, m),
                            correct.narrow(0, first, m));
  }
  for_dtype(z, [&](auto type) {
    score_rows<decltype(type)>(z, labels, gradient, losses.mutable_data_ptr<float>() + first,
                               correct.mutable_data_ptr<bool>() + first);
  });
}

struct ScoreLabels : torch::autograd::Function<ScoreLabels> {
  static variable_list forward(AutogradContext* context, const at::Tensor& h,
                               const at::Tensor& weight, const at::Tensor& labels, double soft_cap,
                               bool gradient) {
    const int64_t rows = h.size(0), chunk = std::max<int64_t>(1, kLogits / weight.size(0));
    at::Tensor losses = at::empty({rows}, h.options().dtype(loss_dtype(h)));
    at::Tensor correct = at::empty({rows}, h.options().dtype(at::kBool));
    at::Tensor dh = gradient ? at::empty_like(h) : at::Tensor();
    for (int64_t first = 0; first < rows; first += chunk) {
      const int64_t m = std::min(chunk, rows - first);
      at::Tensor z = product(h.narrow(0, first, m), weight.t());  // [m, V]
      at::Tensor slope;
      if (soft_cap != 0) slope = cap_rows(z, soft_cap, gradient);
      score_chunk(z, labels.narrow(0, first, m), gradient, first, losses, correct);
      if (!gradient) continue;
      if (slope.defined()) z.mul_(slope);
      at::Tensor target = dh.narrow(0, first, m);
      multiply(z, weight, target, /*accumulate=*/false);  // [m, C]
    }
    context->save_for_backward({dh});
    context->mark_non_differentiable({correct});
    return {losses, correct};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const at::Tensor dh = context->get_saved_variables()[0];
    const at::Tensor dlosses = gradients[0].to(dh.scalar_type()).unsqueeze(1);  // [M, 1]
    return {dh * dlosses, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

LabelScores score_labels(const at::Tensor& h, const at::Tensor& weight, const at::Tensor& labels,
                         double soft_cap) {
  const bool gradient = at::GradMode::is_enabled() && h.requires_grad();
  const variable_list scores =
      ScoreLabels::apply(h.contiguous(), weight, labels.contiguous(), soft_cap, gradient);
  return {scores[0], scores[1]};
}

LabelScores plain_score_labels(const at::Tensor& h, const at::Tensor& weight,
                               const at::Tensor& labels, double soft_cap) {
  at::Tensor z = at::mm(h, weight.t()).to(loss_dtype(h));  // [M, V]
  if (soft_cap != 0) z = at::tanh(z / soft_cap) * soft_cap;
  return {at::cross_entropy_loss(z, labels, /*weight=*/{}, at::Reduction::None),
          z.argmax(1).eq(labels)};
}

}  // namespace matlora::nn
