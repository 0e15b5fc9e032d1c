// Longrope (rope.h) turns all keys of a sequence by its length, so that the keys of a cache are no
// longer good once the sequence has more than the original length.
#pragma once

#include <cstdint>

#include "matlora/nn/decoder.h"

namespace matlora::nn {

/// Whether a sequence of `after` tokens must go through the model again from its first one, because
/// the keys of its first `before` tokens were made when it had no more than these. transformers
/// does so too (modeling_phi3.py, prepare_inputs_for_generation). False for models without
/// longrope.
bool changes_keys(const Decoder& model, int64_t before, int64_t after);

}  // namespace matlora::nn
