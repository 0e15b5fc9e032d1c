// The entry points of libFuzzer: half of the mutants are bytes, half keep the container.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "fuzz/target.h"

using namespace matlora::fuzz;

extern "C" {

size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  run({reinterpret_cast<const char*>(data), size});
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  Random random(seed);
  if (one_in(random, 4)) return LLVMFuzzerMutate(data, size, most);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string result = target.mutate(input, input, random);
  const size_t length = std::min(result.size(), most);
  std::memcpy(data, result.data(), length);
  return length;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t* one, size_t size_one, const uint8_t* two,
                                 size_t size_two, uint8_t* out, size_t most, unsigned seed) {
  Random random(seed);
  const std::string result = target.mutate({reinterpret_cast<const char*>(one), size_one},
                                           {reinterpret_cast<const char*>(two), size_two}, random);
  const size_t length = std::min(result.size(), most);
  std::memcpy(out, result.data(), length);
  return length;
}

}  // extern "C"
