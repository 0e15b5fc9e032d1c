// What to say where a model's numbers are not finite.
#pragma once

#include "matlora/nn/decoder.h"

namespace matlora::eval {

/// Matrices of an adapter are finite when they are loaded: what is left is a dtype that is too
/// narrow, or numbers that are too large even for float32.
inline const char* not_finite_hint(const nn::Decoder& model) {
  return model.dtype() == at::kFloat
             ? "; numbers of the model, or the adapter's matrices or scale, are too large"
             : "; try --dtype float32";
}

}  // namespace matlora::eval
