// A GGUF file of LoRA matrices: its header; all its numbers are 0.
#include "fuzz/bundle.h"
#include "fuzz/mutate.h"
#include "matlora/model/adapter_io.h"

namespace matlora::fuzz {
namespace {

void read(std::string_view input) {
  model::peek_adapter(as_file(with_zeros(input, 1 << 20), "adapter.gguf"));
}

}  // namespace

const Target target{"gguf_adapter", read, mutate_gguf};

}  // namespace matlora::fuzz
