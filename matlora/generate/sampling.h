// The next token from a row of logits z: the likeliest one, or one drawn from softmax(z /
// temperature) cut to its nucleus (top-p: Holtzman et al. 2019, arXiv 1904.09751).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <random>

#include "matlora/base/error.h"

namespace matlora::generate {

struct SamplingOptions {
  double temperature = 0;  // >= 0; 0: the likeliest token, the first one of equals
  double top_p = 1;        // in (0, 1]: the fewest likeliest tokens whose probabilities reach it
};

/// Draws tokens; the draws are a function of the seed, the same on every machine.
class Sampler {
 public:
  /// Throws BugError for options out of range.
  Sampler(SamplingOptions options, uint64_t seed);

  /// logits: [V] in the model's dtype, on any device. Throws UserError when one of them is not a
  /// number.
  int32_t next(const at::Tensor& logits);

 private:
  SamplingOptions options_;
  std::mt19937_64 random_;
};

}  // namespace matlora::generate
