// The first directions of an adapter, in every layer as many as a plan says: what is written for
// other tools, merged into a model, and what a Bank computes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/adapter/plan.h"
#include "matlora/base/error.h"
#include "matlora/base/file.h"

namespace matlora::adapter {

/// One layer's: delta(x) = ((x Aᵀ) ∘ gate) Bᵀ with the first rows of A and columns of B.
struct LayerSlice {
  const LayerAdapter* layer;  // which must stay
  int64_t asked = 0;          // the plan's rank k, above 0
  std::vector<double> gate;   // min(k, r) numbers: layer_gate at rank k

  int64_t rank() const { return static_cast<int64_t>(gate.size()); }
  /// Whether the gate is this number for all directions.
  bool is_scale(double scale) const;
  /// [rank, in] float32 on the CPU, contiguous.
  at::Tensor a() const;
  /// [out, rank] float32 on the CPU, contiguous: B diag(gate) / scale, so that scale · b a is the
  /// change. B as it is where the gate is `scale`.
  at::Tensor b(double scale) const;
  /// b(1) a: [out, in], or `count` of its rows from `first` on.
  at::Tensor change(int64_t first, int64_t count) const;
};

/// Layers at rank 0 are left out. Throws what check_plan throws.
std::vector<LayerSlice> sliced(const Adapter& adapter, const RankPlan& plan, InferenceGate gate,
                               const std::string& where = "adapter");

/// Pages of `file` that A and B are mapped from leave memory until they are read again. Null: they
/// are in memory, and stay there.
void forget(const LayerAdapter& layer, const MappedFile* file);

}  // namespace matlora::adapter
