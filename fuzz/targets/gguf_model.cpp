// A GGUF file of a tiny model with its vocabulary: its header; all its numbers are 0.
#include "fuzz/bundle.h"
#include "fuzz/mutate.h"
#include "matlora/model/load.h"

namespace matlora::fuzz {
namespace {

constexpr size_t kData = 1 << 20;

void read(std::string_view input) {
  const auto path = as_file(with_zeros(input, kData), "model.gguf");
  const model::Model model = model::load(path, at::kFloat, at::kCPU);
  const std::vector<int32_t> ids = model.tokenizer.encode("Hello <s> e\xcc\x81 12345");
  model.tokenizer.decode(ids);
}

}  // namespace

const Target target{"gguf_model", read, mutate_gguf};

}  // namespace matlora::fuzz
