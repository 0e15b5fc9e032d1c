// Where two models' hyperparameters compute something else.
#pragma once

#include <string>

#include "matlora/model/families/hyperparameters.h"

namespace matlora::model {

/// What `b` says otherwise than `a`, each with both values: "vocab_size 420, 421; .."; "" when both
/// compute the same from the same tensors. How norms are stored (norm_offset) and token ids do not
/// count; numbers may differ by float32's rounding.
std::string differences(const Hyperparameters& a, const Hyperparameters& b);

}  // namespace matlora::model
