// Scores every rank of an adapter and writes the reports: sweep MODEL ADAPTER DATA.jsonl OUTPUT
#include <filesystem>
#include <iostream>

#include "matlora/matlora.h"

int main(int argc, char** argv) try {
  using namespace matlora;
  if (argc != 5) fail("usage", "sweep MODEL ADAPTER DATA.jsonl OUTPUT");
  model::Model base = model::load(argv[1], at::kFloat, at::kCPU);
  const adapter::Adapter adapter = model::load_adapter_for(argv[2], base).adapter;
  const data::Examples examples =
      data::read_examples(argv[3], base.tokenizer, {.eos_id = base.end_id()});
  eval::SweepOptions options{.ranks = {0}};  // the base model
  for (const int64_t rank : adapter.rule.train_ranks) options.ranks.push_back(rank);
  const eval::SweepResult found =
      eval::run_sweep(base.decoder, &adapter, {.examples = examples.items}, options);
  if (found.ending.error) throw matlora::UserError(*found.ending.error);
  eval::Report report{.model = argv[1], .data = argv[3], .dtype = "float32", .device = "cpu"};
  report.examples = static_cast<int64_t>(examples.items.size());
  report.sweeps = {{.name = "adapter", .adapter = argv[2], .rows = found.rows}};
  std::filesystem::create_directories(argv[4]);
  report::write_report(argv[4], report);
  std::cout << report::sweep_table(report);
} catch (const matlora::UserError& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 2;
}
