// A GGUF file: its metadata, and every tensor's numbers.
#include "matlora/format/gguf.h"

#include <vector>

#include "fuzz/mutate.h"
#include "matlora/format/dequantize.h"

namespace matlora::fuzz {
namespace {

constexpr int64_t kMostItems = 1 << 20;

void read(std::string_view input) {
  const auto file = format::Gguf::open(as_file(input, "x.gguf"));
  for (const format::GgufTensor& tensor : file.tensors()) {
    const int64_t items = tensor.items();
    if (items > kMostItems || !format::can_dequantize(tensor.type)) continue;
    std::vector<float> numbers(static_cast<size_t>(items));
    format::dequantize(tensor.type, tensor.bytes, numbers);
  }
}

}  // namespace

const Target target{"gguf", read, mutate_gguf};

}  // namespace matlora::fuzz
