// Rope parameters -> what nn turns heads by.
#pragma once

#include <vector>

#include "matlora/model/families/hyperparameters.h"
#include "matlora/nn/rope.h"

namespace matlora::model {

/// One for each of the hyperparameters' ropes, on the CPU.
std::vector<nn::Rope> make_ropes(const Hyperparameters& of);

}  // namespace matlora::model
