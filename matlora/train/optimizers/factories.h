// The factories of the table in optimizer.cpp, each defined in its own file here.
#pragma once

#include "matlora/train/optimizer.h"

namespace matlora::train {

OptimizerFactory make_adamw;
OptimizerFactory make_sgd;

}  // namespace matlora::train
