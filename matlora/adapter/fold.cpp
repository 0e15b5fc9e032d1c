#include "matlora/adapter/fold.h"

#include <ATen/ATen.h>

#include <utility>

namespace matlora::adapter {

GateRule unit_rule(const GateRule& rule) {
  GateRule unit;
  unit.method = Method::nested;
  unit.scaling = Scaling::none;
  unit.mask = Mask::constant;
  unit.rank = rule.rank;
  unit.train_ranks = rule.train_ranks;
  if (unit.train_ranks.empty()) unit.train_ranks = {rule.rank};
  return checked(std::move(unit), "gate rule");
}

Adapter folded(const Adapter& adapter, InferenceGate gate) {
  const at::Tensor values =
      at::tensor(inference_gate(adapter.rule, adapter.rule.rank, gate), at::kDouble)
          .to(at::kFloat);  // [R]
  Adapter result;
  result.rule = unit_rule(adapter.rule);
  result.inference_gate = InferenceGate::trained;
  for (const LayerAdapter& layer : adapter.layers) {
    const at::Tensor b = layer.b.detach();
    result.layers.push_back({layer.layer, layer.a.detach().clone(), b * values.to(b.device())});
  }
  return result;
}

}  // namespace matlora::adapter
