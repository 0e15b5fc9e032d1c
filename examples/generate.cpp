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
  text::TokenStream text(base.tokenizer);
  const auto show = [&](int32_t token) {
    return bool(std::cout << text.feed(token) << std::flush);
  };
  std::cout << argv[4];
  generate::decode(adapted, base.tokenizer.encode(argv[4]),
                   {.max_new_tokens = 32, .stop_ids = base.stop_ids}, show);
  std::cout << text.finish() << "\n";
} catch (const matlora::UserError& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 2;
}
