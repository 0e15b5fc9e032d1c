#include "matlora/nn/long_rope.h"

#include <algorithm>

namespace matlora::nn {

bool changes_keys(const Decoder& model, int64_t before, int64_t after) {
  return std::any_of(model.ropes.begin(), model.ropes.end(), [&](const Rope& rope) {
    return rope.long_frequencies.defined() && before > 0 && before <= rope.original_length &&
           after > rope.original_length;
  });
}

}  // namespace matlora::nn
