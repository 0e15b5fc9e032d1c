// Re-nesting: an adapter's update of a layer, D = B diag(g) A [out, in], as new factors whose first
// k directions are the best update of rank k, for every k at once.
//   plain      D = U S Vᵀ, the singular value decomposition;  D_k = U_k S_k V_kᵀ minimises ||D -
//   D_k||_F
//              (Eckart and Young 1936; Mirsky 1960)
//   weighted   C = E[x xᵀ] of the layer's inputs: ||(D - D_k) C^(1/2)||_F² = E ||(D - D_k) x||²,
//   the
//              squared error of the layer's output. With C = L Lᵀ the best D_k is (D L)_k L⁻¹, the
//              whitening of SVD-LLM (arXiv 2403.07378, section 3.1) on the update in place of the
//              weight.
// D itself is never formed: D L = Q_b (R_b R_aᵀ) Q_aᵀ with the QR factors of B diag(g) and (A L)ᵀ,
// and only R_b R_aᵀ, [r, r], is decomposed. All of it in float64.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/adapter/budget.h"
#include "matlora/adapter/gate.h"
#include "matlora/base/error.h"

namespace matlora::adapter {

/// Second moments of what layers read.
struct Moments {
  std::map<std::string, at::Tensor> of;  // layer -> [in, in] float64, mean of x xᵀ; may be shared
  at::ScalarType dtype = at::kFloat;     // of the x
};

/// λ: C + λ·trace(C)/in·I takes the place of C. Fewer tokens than inputs, or inputs that are always
/// the same, leave directions that C does not see. λ makes the Cholesky factor exist and lets an
/// unseen direction count for little. It is small because a few channels hold most of the trace.
/// Where a layer's C has no factor with it, ten times as much is tried, and so on.
constexpr double kMomentRegularisation = 1e-6;

struct Renested {
  std::vector<LayerAdapter> layers;  // in the adapter's order
  /// Of D, or of D L: all min(r, in, out) of them, descending, also those behind the kept rank.
  std::map<std::string, std::vector<double>> singular_values;
};

/// The adapter at its full rank under `gate` as new float32 factors of `rank` (1..R) directions and
/// gate 1. Each singular value is split evenly (√σ) over the row of A and the column of B; the
/// entry of largest size in that column is positive. A layer of lower rank gets directions of
/// zeros. Without moments the plain form. Throws UserError at `where` for numbers that are not
/// finite (naming the layer) and for an adapter that changes nothing. `layers_done` is told how
/// many layers are done, by one thread at a time; it may be empty.
Renested renest(const Adapter& adapter, InferenceGate gate, int64_t rank, const Moments* moments,
                const std::string& where = "adapter",
                const std::function<void(int64_t)>& layers_done = {});

/// The same for the first `first` (1..R) directions alone: rank k < first is the best part of rank
/// `first`, and ranks from `first` on compute what they did. For adapters whose ranks below R were
/// trained. Moments are of layers that run at rank `first`. Singular values are those of the first
/// directions. Throws UserError also where the gate of rank `first` is not the begin of R's.
Renested renest_first(const Adapter& adapter, InferenceGate gate, int64_t first,
                      const Moments* moments, const std::string& where = "adapter",
                      const std::function<void(int64_t)>& layers_done = {});

/// The first ranks[i] directions of layer i; a layer with none is left out. All singular values
/// stay.
Renested cut(const Renested& whole, std::span<const int64_t> ranks);

/// An adapter of these layers: its gate is 1 at every rank (LoRA, no scaling, alpha 1).
Adapter ordered_adapter(std::vector<LayerAdapter> layers);

/// The share of the sum of squared singular values that the first ranks[i] (or `rank`) directions
/// of every layer keep. 0..1.
double kept_energy(const Renested& nested, std::span<const int64_t> ranks);
double kept_energy(const Renested& nested, int64_t rank);

/// The smallest rank, the same for all layers, that keeps `energy` (0..1].
int64_t rank_for_energy(const Renested& nested, double energy);

/// The squared singular values of the kept directions, as what they are worth.
std::vector<LayerWorth> squared_values(const Renested& nested);

}  // namespace matlora::adapter
