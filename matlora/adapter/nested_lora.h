// Low-rank update of a frozen linear layer: delta(x) = ((x Aᵀ) ∘ g) Bᵀ. The first r rows of A and
// columns of B are the rank-r adapter, for every r in 1..R. gate.h says what g is.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "matlora/nn/delta.h"

namespace matlora::adapter {

/// A gate that layers share; set() changes it for all of them at once.
class Gate {
 public:
  /// `values`: the gate's leading numbers; the rest are zero. Empty: the adapter is off.
  void set(std::span<const double> values, at::Device device);

  int64_t width() const { return width_; }              ///< directions in use
  const at::Tensor& values() const { return values_; }  ///< [width] float32
  uint64_t version() const { return version_; }         ///< another one after every set()

 private:
  at::Tensor values_;
  int64_t width_ = 0;
  uint64_t version_ = 0;
};

/// The definition: delta(x) = ((x Aᵀ) ∘ g) Bᵀ. Slow, for any dtype and device; what NestedLora
/// folds is tested against it. x: [.., in], a: [R, in], b: [out, R], g: [R] or [.., R], all of one
/// dtype -> [.., out].
at::Tensor plain_delta(const at::Tensor& x, const at::Tensor& a, const at::Tensor& b,
                       const at::Tensor& g);

class NestedLora : public nn::Delta {
 public:
  /// a: [R, in], b: [out, R], float32: the layout of PEFT's lora_A.weight and lora_B.weight.
  /// Throws BugError when the ranks differ.
  NestedLora(at::Tensor a, at::Tensor b, std::shared_ptr<const Gate> gate);

  /// The same for every variant: down = g ∘ A and up = B, of the gate's first width() directions
  /// only (all R where it has more); none when it is 0. The cast to `dtype` comes last, so the
  /// gradients of A and B are float32. Those of matrices that require no gradients (not in
  /// training) are computed once and kept until the gate, A or B (by their version counters) or
  /// `dtype` is another. One thread at a time.
  nn::LowRank factors(nn::Variant variant, at::ScalarType dtype) const override;

 private:
  /// What kept factors were made from.
  struct Origin {
    at::ScalarType dtype;
    uint64_t gate;
    uint32_t a, b;
    bool operator==(const Origin&) const = default;
  };
  nn::LowRank compute(at::ScalarType dtype) const;

  at::Tensor a_, b_;
  std::shared_ptr<const Gate> gate_;
  mutable std::optional<Origin> origin_;  // of kept_
  mutable nn::LowRank kept_;
};

}  // namespace matlora::adapter
