// N rows, w_i the rank of layer i's change, w their sum.
#include "matlora/nn/linear.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "matlora/base/error.h"
#include "matlora/nn/product.h"

namespace matlora::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What is frozen of the layers, and the rank of each one's change (0: it has none).
struct Frozen {
  std::vector<at::Tensor> weights, biases;
  std::vector<int64_t> widths;
  at::Tensor mask;  // [N, R], or undefined
};

/// Tensors saved for backward: x, h (masked), all down, the mask, then one up per changed layer.
enum Saved : size_t { kX, kH, kDown, kMask, kFirstUp };

/// h: [N, w], of the first w directions
void apply_mask(const at::Tensor& mask, at::Tensor h) {
  if (mask.defined()) h.mul_(mask.narrow(1, 0, h.size(1)));
}

struct AllLinear : torch::autograd::Function<AllLinear> {
  /// downs, ups: of the changed layers, in order.
  static variable_list forward(AutogradContext* context, const at::Tensor& x, at::TensorList downs,
                               at::TensorList ups, const Frozen& frozen);
  /// The gradients of x, of every down, of every up.
  static variable_list backward(AutogradContext* context, const variable_list& gradients);
};

variable_list AllLinear::forward(AutogradContext* context, const at::Tensor& x,
                                 at::TensorList downs, at::TensorList ups, const Frozen& frozen) {
  at::Tensor down, h;
  if (!downs.empty()) {
    down = downs.size() == 1 ? downs[0] : at::cat(downs);  // [w, in]
    h = product(x, down.t());                              // [N, w]
  }
  variable_list outputs = products(x, frozen.weights);  // [N, out] each
  size_t changes = 0;
  int64_t offset = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    at::Tensor& y = outputs[i];
    if (frozen.biases[i].defined()) y.add_(frozen.biases[i]);
    if (const int64_t width = frozen.widths[i]; width > 0) {
      const at::Tensor own = h.narrow(1, offset, width);
      apply_mask(frozen.mask, own);
      multiply(own, ups[changes++].t(), y, /*accumulate=*/true);
      offset += width;
    }
  }
  variable_list saved = {x, h, down, frozen.mask};
  saved.insert(saved.end(), ups.begin(), ups.end());
  context->save_for_backward(saved);
  context->saved_data["weights"] = frozen.weights;
  context->saved_data["widths"] = frozen.widths;
  return outputs;
}

variable_list AllLinear::backward(AutogradContext* context, const variable_list& gradients) {
  const variable_list saved = context->get_saved_variables();
  const std::vector<at::Tensor> weights = context->saved_data["weights"].toTensorVector();
  const std::vector<int64_t> widths = context->saved_data["widths"].toIntVector();
  const at::Tensor &x = saved[kX], &h = saved[kH], &down = saved[kDown];
  const bool wants_dx = context->needs_input_grad(0);

  at::Tensor dx, dh = h.defined() ? at::empty_like(h) : at::Tensor();
  variable_list dups;
  int64_t offset = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const at::Tensor dy = gradients[i].contiguous();  // [N, out]
    if (const int64_t width = widths[i]; width > 0) {
      at::Tensor own = dh.narrow(1, offset, width);
      multiply(dy, saved[kFirstUp + dups.size()], own, /*accumulate=*/false);  // [N, w_i]
      apply_mask(saved[kMask], own);
      dups.push_back(product(dy.t(), h.narrow(1, offset, width)));  // [out, w_i]
      offset += width;
    }
    if (!wants_dx) continue;
    const bool first = !dx.defined();
    if (first) dx = at::empty_like(x);
    multiply(dy, weights[i], dx, /*accumulate=*/!first);  // [N, in]
  }
  if (dh.defined() && wants_dx) multiply(dh, down, dx, /*accumulate=*/true);

  variable_list result = {dx};
  if (dh.defined()) {
    const at::Tensor ddown = product(dh.t(), x);  // [w, in]
    offset = 0;
    for (const int64_t width : widths) {
      if (width > 0) result.push_back(ddown.narrow(0, offset, width));
      offset += width;
    }
  }
  result.insert(result.end(), dups.begin(), dups.end());
  result.emplace_back();  // Frozen has none
  return result;
}

LowRank change_of(const Linear& layer, Variant variant, at::ScalarType dtype) {
  return layer.delta && variant != 0 ? layer.delta->factors(variant, dtype) : LowRank();
}

/// Rows whose changes differ.
std::vector<at::Tensor> forward_runs(std::span<const Linear* const> layers, const at::Tensor& x,
                                     std::span<const VariantRows> runs) {
  check(!at::GradMode::is_enabled(), "linear: gradients of several variants");
  std::vector<at::Tensor> weights;
  for (const Linear* layer : layers) {
    weights.push_back(layer->stored ? layer->stored->load() : layer->weight);
  }
  std::vector<at::Tensor> outputs = products(x, weights);  // [N, out] each
  for (size_t i = 0; i < layers.size(); ++i) {
    if (layers[i]->bias.defined()) outputs[i].add_(layers[i]->bias);
    int64_t first = 0;
    for (const auto& [variant, rows] : runs) {
      if (const LowRank change = change_of(*layers[i], variant, x.scalar_type());
          change.defined()) {
        at::Tensor y = outputs[i].narrow(0, first, rows);
        const at::Tensor h = product(x.narrow(0, first, rows), change.down.t());  // [rows, w]
        multiply(h, change.up.t(), y, /*accumulate=*/true);
      }
      first += rows;
    }
    check(first == x.size(0), "linear: runs of ", first, " rows, expected ", x.size(0));
  }
  return outputs;
}

}  // namespace

at::Tensor Linear::forward(const at::Tensor& x, const Selection& use) const {
  const Linear* const self[] = {this};
  return forward_all(self, x, use)[0];
}

Linear Linear::merged(Variant variant) const {
  at::Tensor sum = stored ? stored->load() : weight;
  const LowRank change = change_of(*this, variant, sum.scalar_type());
  if (!change.defined()) return {sum, bias, nullptr, nullptr, nullptr};
  if (!stored) sum = sum.clone(at::MemoryFormat::Contiguous);
  multiply(change.up.detach(), change.down.detach(), sum, /*accumulate=*/true);
  return {sum, bias, nullptr, nullptr, nullptr};
}

std::vector<at::Tensor> forward_all(std::span<const Linear* const> layers, const at::Tensor& x,
                                    const Selection& use) {
  for (const Linear* layer : layers) {
    if (layer->observer) layer->observer->see(x);
  }
  const bool mixed = use.runs.size() > 1;
  check(!mixed || !use.mask.defined(), "linear: a mask on several variants");
  if (mixed) return forward_runs(layers, x, use.runs);
  const Variant variant = use.runs.empty() ? use.variant : use.runs.front().variant;
  Frozen frozen;
  frozen.mask = use.mask;
  std::vector<at::Tensor> downs, ups;
  for (const Linear* layer : layers) {
    if (layer->stored) {
      check(!at::GradMode::is_enabled(), "linear: gradients through a stored weight");
      check(!use.mask.defined(), "linear: a mask on a stored weight");
      const Linear loaded = layer->merged(variant);
      frozen.weights.push_back(loaded.weight);
      frozen.biases.push_back(loaded.bias);
      frozen.widths.push_back(0);
      continue;
    }
    const LowRank change = change_of(*layer, variant, x.scalar_type());
    frozen.weights.push_back(layer->weight);
    frozen.biases.push_back(layer->bias);
    frozen.widths.push_back(change.defined() ? change.down.size(0) : 0);
    if (!change.defined()) continue;
    downs.push_back(change.down);
    ups.push_back(change.up);
  }
  return AllLinear::apply(x, at::TensorList(downs), at::TensorList(ups), frozen);
}

}  // namespace matlora::nn
