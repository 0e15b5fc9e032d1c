#include "matlora/train/worth.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <array>
#include <cmath>

#include "matlora/base/error.h"
#include "matlora/base/progress.h"
#include "matlora/train/gated.h"

namespace matlora::train {
namespace {

constexpr int64_t kPackTokens = 2048;

struct Point {
  double at, weight;
};

/// Gauss and Legendre's rule on 0..1.
std::array<Point, 3> points() {
  const double far = std::sqrt(0.15);
  return {{{0.5 - far, 5.0 / 18}, {0.5, 8.0 / 18}, {0.5 + far, 5.0 / 18}}};
}

int64_t count_labels(std::span<const data::Pack> packs) {
  int64_t labels = 0;
  for (const data::Pack& pack : packs) labels += pack.label_count();
  return labels;
}

}  // namespace

std::vector<std::vector<double>> direction_worth(const nn::Decoder& decoder,
                                                 const adapter::Adapter& adapter,
                                                 std::span<const data::Example> examples,
                                                 bool quiet) {
  check(!examples.empty() && !decoder.on_demand(), "worth: no examples, or weights in their file");
  const std::vector<data::Pack> packs = packs_of(examples, kPackTokens, decoder.device());
  const double labels = static_cast<double>(count_labels(packs));
  const Gates whole = gates_of_rank(adapter, adapter.rule.rank, decoder.device());
  std::vector<at::Tensor> sums;
  for (const at::Tensor& gate : whole) sums.push_back(at::zeros({gate.size(0)}, at::kDouble));
  Progress progress("worth", static_cast<int64_t>(3 * packs.size()), quiet);
  double done = 0;
  for (const auto& [where, weight] : points()) {
    Gates gates;
    for (const at::Tensor& gate : whole) {
      gates.push_back((gate.detach() * where).requires_grad_());
    }
    const nn::Decoder model = gated(decoder, adapter, gates);
    for (const data::Pack& pack : packs) {
      const at::Tensor losses = losses_of(model, pack);
      losses.backward(at::full_like(losses, weight / labels));
      progress.update(++done, "");
    }
    const c10::NoGradGuard no_grad;
    for (size_t i = 0; i < gates.size(); ++i) {
      if (!gates[i].grad().defined()) continue;
      sums[i].sub_((gates[i].grad() * whole[i]).to(at::kCPU, at::kDouble));
    }
  }
  std::vector<std::vector<double>> result;
  for (const at::Tensor& sum : sums) {
    const double* first = sum.const_data_ptr<double>();
    result.emplace_back(first, first + sum.numel());
  }
  return result;
}

std::vector<adapter::LayerWorth> worth_by_loss(const nn::Decoder& decoder,
                                               const adapter::Renested& nested,
                                               std::span<const data::Example> examples,
                                               bool quiet) {
  std::vector<adapter::LayerWorth> layers = adapter::squared_values(nested);
  const auto worth =
      direction_worth(decoder, adapter::ordered_adapter(nested.layers), examples, quiet);
  for (size_t i = 0; i < layers.size(); ++i) layers[i].worth = worth[i];
  return layers;
}

}  // namespace matlora::train
