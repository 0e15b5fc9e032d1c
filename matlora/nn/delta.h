// The seam through which an adapter changes a frozen linear layer; nn knows nothing more of it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace matlora::nn {

/// Which change a row gets: 0 is none, the base alone. nn hands the others on and never reads them.
using Variant = int32_t;

/// The first one that adapter::Bank gives: what a pass uses where nothing else is asked for.
constexpr Variant kFirstVariant = 1;

/// `rows` rows of a pass, one after the other, that get the same change.
struct VariantRows {
  Variant variant;
  int64_t rows;
};

/// A change of rank w: x -> (x downᵀ) upᵀ. Undefined tensors: no change.
struct LowRank {
  at::Tensor down;  // [w, in]
  at::Tensor up;    // [out, w]

  bool defined() const { return down.defined(); }
};

/// Something added to a linear layer's output.
class Delta {
 public:
  virtual ~Delta() = default;

  /// Both factors of a variant other than 0 in `dtype`, differentiable.
  virtual LowRank factors(Variant variant, at::ScalarType dtype) const = 0;
};

}  // namespace matlora::nn
