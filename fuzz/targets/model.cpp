// A HF directory of a tiny model: configuration, tokenizer, index and shards; then one pass.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <array>

#include "fuzz/bundle.h"
#include "fuzz/mutate.h"
#include "matlora/model/load.h"

namespace matlora::fuzz {
namespace {

void read(std::string_view input) {
  const c10::NoGradGuard no_grad;
  const model::Model model = model::load(as_folder(input, "model"), at::kFloat, at::kCPU);
  const at::Tensor tokens = at::arange(0, 4, at::kInt) % model.config.vocab_size;
  const std::array<int64_t, 1> lengths = {4};
  model.decoder.logits(model.decoder.hidden(tokens, lengths));
}

}  // namespace

const Target target{"model", read, mutate_json_text};

}  // namespace matlora::fuzz
