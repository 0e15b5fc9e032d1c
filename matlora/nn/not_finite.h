// What to say where a model's numbers are not finite.
#pragma once

#include <c10/core/ScalarType.h>

namespace matlora::nn {

/// `dtype`: the model's. Matrices of an adapter are finite when they are loaded: what is left is a
/// dtype that is too narrow, or numbers that are too large even for float32.
inline const char* not_finite_hint(at::ScalarType dtype) {
  return dtype == at::kFloat || dtype == at::kDouble
             ? "; numbers of the model, or the adapter's matrices or scale, are too large"
             : "; try --dtype float32";
}

}  // namespace matlora::nn
