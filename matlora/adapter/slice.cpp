#include "matlora/adapter/slice.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace matlora::adapter {
namespace {

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()};
}

at::Tensor plain(const at::Tensor& part) {
  return part.detach().to(at::kCPU, at::kFloat).contiguous();
}

}  // namespace

bool LayerSlice::is_scale(double scale) const {
  return std::all_of(gate.begin(), gate.end(), [=](double value) { return value == scale; });
}

at::Tensor LayerSlice::a() const { return plain(layer->a.narrow(0, 0, rank())); }

at::Tensor LayerSlice::b(double scale) const {
  const at::Tensor columns = layer->b.narrow(1, 0, rank());
  if (is_scale(scale)) return plain(columns);
  const at::Tensor factors = at::tensor(gate, at::kDouble) / scale;
  return plain(columns) * factors.to(at::kFloat);
}

at::Tensor LayerSlice::change(int64_t first, int64_t count) const {
  const at::Tensor rows = plain(layer->b.narrow(0, first, count).narrow(1, 0, rank()));
  return at::mm(rows * at::tensor(gate, at::kDouble).to(at::kFloat), a());
}

std::vector<LayerSlice> sliced(const Adapter& adapter, const RankPlan& plan, InferenceGate gate,
                               const std::string& where) {
  check_plan(plan, adapter, where);
  std::vector<LayerSlice> result;
  for (const LayerAdapter& layer : adapter.layers) {
    const int64_t rank = plan.of(layer.layer);
    if (rank > 0) result.push_back({&layer, rank, layer_gate(layer, adapter.rule, rank, gate)});
  }
  return result;
}

void forget(const LayerAdapter& layer, const MappedFile* file) {
  if (file == nullptr) return;
  file->forget(bytes_of(layer.a));
  file->forget(bytes_of(layer.b));
}

}  // namespace matlora::adapter
