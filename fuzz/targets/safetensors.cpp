#include "matlora/format/safetensors.h"

#include "fuzz/mutate.h"

namespace matlora::fuzz {
namespace {

void read(std::string_view input) {
  const auto file = format::Safetensors::open(as_file(input, "x.safetensors"));
  uint64_t sum = 0;
  for (const format::TensorView& tensor : file.tensors()) {
    for (const std::byte byte : tensor.bytes) sum += std::to_integer<uint64_t>(byte);
    file.find(tensor.name);
  }
  volatile uint64_t used = sum;  // every byte that a view promises is read
  (void)used;
}

}  // namespace

const Target target{"safetensors", read, mutate_safetensors};

}  // namespace matlora::fuzz
