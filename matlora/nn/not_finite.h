// What to say where a model's numbers are not finite.
#pragma once

#include <c10/core/ScalarType.h>

#include "matlora/base/error.h"

namespace matlora::nn {

/// `dtype`: the model's. Matrices of an adapter are finite when they are loaded: what is left is a
/// dtype that is too narrow, or numbers that are too large even for float32.
inline Message not_finite_hint(at::ScalarType dtype) {
  if (dtype != at::kFloat && dtype != at::kDouble) {
    return message_of("; try ", Field{"dtype"}, " float32");
  }
  return message_of("; numbers of the model, or the adapter's matrices or scale, are too large");
}

}  // namespace matlora::nn
