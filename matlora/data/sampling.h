// In which order examples come: every epoch has its own permutation, a function of the seed.
#pragma once

#include <cstdint>
#include <vector>

namespace matlora::data {

/// The order of `count` examples in epoch `epoch` (from 0): 0, 1, .. when `shuffle` is off.
/// The same on every machine.
std::vector<int64_t> epoch_order(int64_t count, int64_t epoch, bool shuffle, uint64_t seed);

}  // namespace matlora::data
