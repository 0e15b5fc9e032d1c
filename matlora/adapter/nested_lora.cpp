#include "matlora/adapter/nested_lora.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::adapter {

at::Tensor plain_delta(const at::Tensor& x, const at::Tensor& a, const at::Tensor& b,
                       const at::Tensor& g) {
  return at::linear(at::linear(x, a) * g, b);  // [.., in] -> [.., R] -> [.., out]
}

void Gate::set(std::span<const double> values, at::Device device) {
  width_ = static_cast<int64_t>(values.size());
  values_ = at::empty({width_}, at::kDouble);
  std::copy(values.begin(), values.end(), values_.mutable_data_ptr<double>());
  values_ = values_.to(at::TensorOptions().dtype(at::kFloat).device(device));
  ++version_;
}

NestedLora::NestedLora(at::Tensor a, at::Tensor b, std::shared_ptr<const Gate> gate)
    : a_(std::move(a)), b_(std::move(b)), gate_(std::move(gate)) {
  check(a_.size(0) == b_.size(1), "lora: A has rank ", a_.size(0), " but B has ", b_.size(1));
}

nn::LowRank NestedLora::factors(nn::Variant, at::ScalarType dtype) const {
  // Fused optimizers change matrices without counting a version, and inference tensors have none.
  const auto may_change_unseen = [](const at::Tensor& x) {
    return x.requires_grad() || x.is_inference();
  };
  if (may_change_unseen(a_) || may_change_unseen(b_)) return compute(dtype);
  const Origin now = {dtype, gate_->version(), static_cast<uint32_t>(a_._version()),
                      static_cast<uint32_t>(b_._version())};
  if (origin_ != now) {
    kept_ = compute(dtype);
    origin_ = now;
  }
  return kept_;
}

nn::LowRank NestedLora::compute(at::ScalarType dtype) const {
  const int64_t width = std::min(gate_->width(), a_.size(0));  // fewer: ranks per layer
  if (width == 0) return {};
  at::Tensor gate = gate_->values();
  if (width < gate.size(0)) gate = gate.narrow(0, 0, width);
  const at::Tensor down = a_.narrow(0, 0, width) * gate.unsqueeze(1);  // [w, in]
  return {down.to(dtype), b_.narrow(1, 0, width).to(dtype)};
}

}  // namespace matlora::adapter
