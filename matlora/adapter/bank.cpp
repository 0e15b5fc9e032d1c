#include "matlora/adapter/bank.h"

#include <utility>
#include <vector>

#include "matlora/adapter/nested_lora.h"
#include "matlora/base/error.h"

namespace matlora::adapter {

struct Bank::Variants {
  at::Device device = at::kCPU;
  std::vector<LayerShape> shapes;
  /// [variant]: by layer; the first is the base's.
  std::vector<std::map<std::string, NestedLora>> changes = {{}};
};

/// What a bank puts on one layer.
class Bank::Change : public nn::Delta {
 public:
  Change(std::shared_ptr<const Variants> variants, std::string layer)
      : variants_(std::move(variants)), layer_(std::move(layer)) {}

  nn::LowRank factors(nn::Variant variant, at::ScalarType dtype) const override {
    const auto index = static_cast<size_t>(variant);
    if (index >= variants_->changes.size()) return {};  // the base, while there is no other
    const auto& layers = variants_->changes[index];
    const auto found = layers.find(layer_);
    return found == layers.end() ? nn::LowRank() : found->second.factors(variant, dtype);
  }

 private:
  std::shared_ptr<const Variants> variants_;
  std::string layer_;
};

Bank::Bank(nn::Decoder& model) : variants_(std::make_shared<Variants>()) {
  variants_->device = model.device();
  variants_->shapes = layer_shapes(model);
  nn::for_each_linear(model, [&](const std::string& name, nn::Linear& layer) {
    layer.delta = std::make_shared<Change>(variants_, name);
  });
}

nn::Variant Bank::add(std::shared_ptr<const Adapter> adapter, const RankPlan& plan,
                      InferenceGate gate, const std::string& where) {
  check_plan(plan, *adapter, where);
  check_fits(variants_->shapes, *adapter, where);
  if (plan.is_base()) return 0;
  std::map<std::string, NestedLora> layers;
  for (const LayerAdapter& layer : adapter->layers) {
    const int64_t rank = plan.of(layer.layer);
    if (rank == 0) continue;
    auto values = std::make_shared<Gate>();
    values->set(layer_gate(layer, adapter->rule, rank, gate), variants_->device);
    layers.emplace(layer.layer, NestedLora(layer.a.to(variants_->device),
                                           layer.b.to(variants_->device), std::move(values)));
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
  nn::Decoder result = model;
  Bank bank(result);
  bank.add(std::make_shared<const Adapter>(adapter), {rank}, gate, where);
  return result;
}

}  // namespace matlora::adapter
