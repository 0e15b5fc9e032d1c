// Memory for the large tensors of passes that come one after the other.
#pragma once

#include <cstddef>

namespace matlora::nn {

/// From now on, new CPU tensors of 256 KiB and more take whole mappings from the system, and freed
/// ones wait to be taken by tensors of about their size; what waits beyond `most_waiting` bytes
/// goes back to the system, the oldest first. For work whose peak counts: glibc before 2.38 cannot
/// take a freed aligned block for another one of the same size, so that the memory of a pass grows
/// from layer to layer to several times what is in use.
void use_block_memory(size_t most_waiting);

}  // namespace matlora::nn
