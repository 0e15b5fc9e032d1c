// Trains one adapter for the ranks 1, 2, 4 and 8: train MODEL DATA.jsonl ADAPTER
#include <filesystem>
#include <iostream>

#include "matlora/matlora.h"

int main(int argc, char** argv) try {
  using namespace matlora;
  if (argc != 4) fail("usage", "train MODEL DATA.jsonl ADAPTER");
  model::Model base = model::load(argv[1], at::kFloat, at::kCPU);
  const data::Examples examples =
      data::read_examples(argv[2], base.tokenizer, {.eos_id = base.end_id()});
  const adapter::GateRule rule{.rank = 8, .train_ranks = adapter::powers_of_two(8)};
  adapter::Adapter adapter = adapter::new_adapter(base.decoder, rule, {"q_proj", "v_proj"});
  train::Trainer trainer(base.decoder, adapter, examples.items, {.epochs = 1});
  while (!trainer.done()) {
    const train::StepReport step = trainer.run_step();
    std::cout << "step " << step.step << " of " << trainer.total() << ": loss " << step.loss
              << "\n";
  }
  std::filesystem::create_directories(argv[3]);
  model::save_adapter(argv[3], adapter, {base.path.string(), base.digest});
} catch (const matlora::UserError& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 2;
}
