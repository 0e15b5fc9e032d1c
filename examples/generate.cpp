// Continues a text with one rank of an adapter: generate MODEL ADAPTER RANK TEXT
#include <cstdlib>
#include <iostream>

#include "matlora/matlora.h"

int main(int argc, char** argv) try {
  using namespace matlora;
  if (argc != 5) fail("usage", "generate MODEL ADAPTER RANK TEXT");
  model::Model base = model::load(argv[1], at::kFloat, at::kCPU);
  adapter::Adapter adapter = model::attach_adapter(argv[2], base).adapter;
  adapter.select_rank(std::atoll(argv[3]), adapter.inference_gate, base.decoder.device());
  const std::vector<int32_t> tokens =
      generate::decode(base.decoder, base.tokenizer.encode(argv[4]),
                       {.max_new_tokens = 32, .stop_ids = base.stop_ids});
  std::cout << argv[4] << generate::valid_utf8(base.tokenizer.decode(tokens)) << "\n";
} catch (const matlora::UserError& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 2;
}
