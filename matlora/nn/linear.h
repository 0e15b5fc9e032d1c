// y = x Wᵀ + bias + ((x downᵀ) ∘ mask) upᵀ: a frozen linear layer and, where it has a Delta, the
// low-rank change of each row's variant. Layers that read the same x are computed together: one
// product with all of their `down` matrices, one gradient of x.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/nn/delta.h"

namespace matlora::nn {

/// A weight that is rebuilt on use, where keeping it would take more memory than
/// making it takes time.
class StoredWeight {
 public:
  StoredWeight(int64_t out, int64_t in) : out_(out), in_(in) {}
  virtual ~StoredWeight() = default;

  /// [out, in], in new memory.
  virtual at::Tensor load() const = 0;

  int64_t out() const { return out_; }
  int64_t in() const { return in_; }

 private:
  int64_t out_, in_;
};

/// Told what a layer reads, before the layer computes.
class InputObserver {
 public:
  virtual ~InputObserver() = default;

  /// x: [N, in]. Layers that are computed together get the very same tensor, one after the other.
  virtual void see(const at::Tensor& x) = 0;
};

/// What the rows of a pass use of the layers' changes.
struct Selection {
  Variant variant = kFirstVariant;  // of all rows, where there are no runs
  /// Or runs of rows, which are all rows together. Without gradients, without a mask.
  std::span<const VariantRows> runs = {};
  /// [N, R] in x's dtype, R at least every change's rank, or undefined (all ones): row n's change
  /// is ((x_n downᵀ) ∘ mask_n[:w]) upᵀ, so that rows may use different directions. No gradient.
  at::Tensor mask = {};
};

/// A frozen linear layer.
struct Linear {
  at::Tensor weight;                                // [out, in], or undefined: `stored` has it
  at::Tensor bias;                                  // [out], or undefined
  std::shared_ptr<const Delta> delta;               // or null
  std::shared_ptr<const StoredWeight> stored = {};  // or null; then without gradients
  std::shared_ptr<InputObserver> observer = {};     // or null; merged() leaves it out

  int64_t in() const { return stored ? stored->in() : weight.size(1); }
  int64_t out() const { return stored ? stored->out() : weight.size(0); }

  /// x: [N, in] -> [N, out].
  at::Tensor forward(const at::Tensor& x, const Selection& use = {}) const;

  /// The same layer with the change of `variant` added into a new weight, without gradients. A
  /// stored weight is in memory then.
  Linear merged(Variant variant = kFirstVariant) const;
};

/// x: [N, in] -> one [N, out] per layer, all of one `in`. Stored weights are in memory for as long
/// as this takes. The base's part is one product for all rows; a change's, one for each run. Throws
/// BugError for a mask with stored weights, and for runs with gradients or a mask.
std::vector<at::Tensor> forward_all(std::span<const Linear* const> layers, const at::Tensor& x,
                                    const Selection& use = {});

}  // namespace matlora::nn
