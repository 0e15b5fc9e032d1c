// What to say where a model's numbers are not finite.
#pragma once

#include "matlora/base/error.h"
#include "matlora/nn/decoder.h"

namespace matlora::eval {

/// Throws UserError: `where`, the parts, a hint. Matrices of an adapter are finite when they are
/// loaded: what is left is a dtype that is too narrow, or numbers that are too large even for
/// float32.
template <class... Parts>
[[noreturn]] void fail_not_finite(const nn::Decoder& model, const std::string& where,
                                  const Parts&... parts) {
  if (model.dtype() == at::kFloat) {
    fail(where, parts...,
         "; numbers of the model, or the adapter's matrices or scale, are too large");
  }
  fail(where, parts..., "; try ", Field{"dtype"}, " float32");
}

}  // namespace matlora::eval
