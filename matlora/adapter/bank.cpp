#include "matlora/adapter/bank.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "matlora/adapter/nested_lora.h"
#include "matlora/base/error.h"

namespace matlora::adapter {

struct Bank::Variants {
  at::Device device = at::kCPU;
  std::vector<LayerShape> shapes;
  /// [variant][place of the layer in shapes]; the first variant is the base's and has none.
  std::vector<std::vector<std::optional<NestedLora>>> changes = {{}};
};

/// What a bank puts on one layer.
class Bank::Change : public nn::Delta {
 public:
  Change(std::shared_ptr<const Variants> variants, size_t layer)
      : variants_(std::move(variants)), layer_(layer) {}

  nn::LowRank factors(nn::Variant variant, at::ScalarType dtype) const override {
    const auto index = static_cast<size_t>(variant);
    if (index >= variants_->changes.size()) return {};  // the base, while there is no other
    const auto& layers = variants_->changes[index];
    if (layer_ >= layers.size() || !layers[layer_]) return {};
    return layers[layer_]->factors(variant, dtype);
  }

 private:
  std::shared_ptr<const Variants> variants_;
  size_t layer_;
};

Bank::Bank(nn::Decoder& model) : variants_(std::make_shared<Variants>()) {
  variants_->device = model.device();
  variants_->shapes = layer_shapes(model);
  size_t place = 0;  // for_each_linear's order is that of the shapes
  nn::for_each_linear(model, [&](const std::string&, nn::Linear& layer) {
    layer.delta = std::make_shared<Change>(variants_, place++);
  });
}

nn::Variant Bank::add(const Adapter& adapter, const RankPlan& plan, InferenceGate gate,
                      const std::string& where) {
  check_plan(plan, adapter, where);
  check_fits(variants_->shapes, adapter, where);
  if (plan.is_base()) return 0;
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < variants_->shapes.size(); ++i) places[variants_->shapes[i].name] = i;
  std::vector<std::optional<NestedLora>> layers(places.size());
  for (const LayerAdapter& layer : adapter.layers) {
    const int64_t rank = plan.of(layer.layer);
    if (rank == 0) continue;
    auto values = std::make_shared<Gate>();
    values->set(layer_gate(layer, adapter.rule, rank, gate), variants_->device);
    layers[places.at(layer.layer)].emplace(layer.a.to(variants_->device),
                                           layer.b.to(variants_->device), std::move(values));
  }
  variants_->changes.push_back(std::move(layers));
  return static_cast<nn::Variant>(variants_->changes.size() - 1);
}

void Bank::remove(nn::Variant variant) {
  const auto index = static_cast<size_t>(variant);
  check(variant > 0 && index < variants_->changes.size(), "bank: no variant ", variant);
  variants_->changes[index].clear();
}

nn::Decoder with_adapter(const nn::Decoder& model, const Adapter& adapter, int64_t rank,
                         InferenceGate gate, const std::string& where) {
  return with_adapter(model, adapter, RankPlan{rank}, gate, where);
}

nn::Decoder with_adapter(const nn::Decoder& model, const Adapter& adapter, const RankPlan& plan,
                         InferenceGate gate, const std::string& where) {
  nn::Decoder result = model;
  Bank bank(result);
  bank.add(adapter, plan, gate, where);
  return result;
}

}  // namespace matlora::adapter
