// Continues a text with one rank of an adapter: generate MODEL ADAPTER RANK TEXT
#include <cstdlib>
#include <iostream>

#include "matlora/matlora.h"

int main(int argc, char** argv) try {
  using namespace matlora;
  if (argc != 5) fail("usage", "generate MODEL ADAPTER RANK TEXT");
  model::Model base = model::load(argv[1], at::kFloat, at::kCPU);
  const adapter::Adapter adapter = model::load_adapter_for(argv[2], base).adapter;
  const nn::Decoder adapted =
      adapter::with_adapter(base.decoder, adapter, std::atoll(argv[3]), adapter.inference_gate);
  const std::vector<int32_t> tokens = generate::decode(
      adapted, base.tokenizer.encode(argv[4]), {.max_new_tokens = 32, .stop_ids = base.stop_ids});
  std::cout << argv[4] << generate::valid_utf8(base.tokenizer.decode(tokens)) << "\n";
} catch (const matlora::UserError& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 2;
}
