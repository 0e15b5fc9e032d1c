#include "matlora/train/gated.h"

#include <ATen/ATen.h>

#include <map>
#include <memory>
#include <numeric>
#include <string>

namespace matlora::train {
namespace {

/// The first directions of a layer with a gate that is learned.
class GatedDelta : public nn::Delta {
 public:
  GatedDelta(at::Tensor a, at::Tensor b, at::Tensor gate)
      : a_(std::move(a)), b_(std::move(b)), gate_(std::move(gate)) {}
  nn::LowRank factors(nn::Variant, at::ScalarType dtype) const override {
    return {(a_ * gate_.unsqueeze(1)).to(dtype), b_.to(dtype)};
  }

 private:
  at::Tensor a_, b_, gate_;
};

}  // namespace

Gates gates_of_rank(const adapter::Adapter& adapter, int64_t k, at::Device device) {
  Gates gates;
  for (const adapter::LayerAdapter& layer : adapter.layers) {
    const auto values = adapter::layer_gate(layer, adapter.rule, k, adapter.inference_gate);
    gates.push_back(at::tensor(values, at::kFloat).to(device).requires_grad_());
  }
  return gates;
}

nn::Decoder gated(const nn::Decoder& decoder, const adapter::Adapter& adapter, const Gates& gates) {
  std::map<std::string, std::shared_ptr<const nn::Delta>> deltas;
  for (size_t i = 0; i < gates.size(); ++i) {
    const adapter::LayerAdapter& layer = adapter.layers[i];
    const int64_t width = gates[i].size(0);
    deltas[layer.layer] = std::make_shared<GatedDelta>(
        layer.a.detach().narrow(0, 0, width).to(decoder.device()),
        layer.b.detach().narrow(1, 0, width).to(decoder.device()), gates[i]);
  }
  nn::Decoder result = decoder;
  nn::for_each_linear(result, [&](const std::string& name, nn::Linear& layer) {
    const auto found = deltas.find(name);
    layer.delta = found == deltas.end() ? nullptr : found->second;
  });
  return result;
}

std::vector<data::Pack> packs_of(std::span<const data::Example> examples, int64_t tokens,
                                 at::Device device) {
  std::vector<int64_t> indices(examples.size());
  std::iota(indices.begin(), indices.end(), 0);
  std::vector<data::Pack> packs;
  for (const auto& group : data::split_by_tokens(examples, indices, tokens)) {
    packs.push_back(data::pack(examples, group, device));
  }
  return packs;
}

at::Tensor losses_of(const nn::Decoder& model, const data::Pack& pack) {
  return model.scores(model.hidden(pack.tokens, pack.lengths, pack.rows), pack.labels).losses;
}

}  // namespace matlora::train
