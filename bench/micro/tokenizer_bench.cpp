// Bytes of text per second that the real model's tokenizer turns into ids, on one core. The text is
// GSM8K's training file where MATLORA_GSM8K says where it is, else made-up problems.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/model/load.h"

namespace {

std::string corpus() {
  if (const char* directory = std::getenv("MATLORA_GSM8K")) {
    return matlora::read_file(std::string(directory) + "/train.jsonl");
  }
  std::string text;
  for (int i = 0; i < 20000; ++i) {
    text += matlora::cat("Question: A baker sells ", i * 7, " rolls, and ", i % 13, " loaves at $",
                         i % 5, ".50 each; how much is that?\nAnswer: $", i, "\n");
  }
  return text;
}

void encode(benchmark::State& state) {
  const char* model = std::getenv("MATLORA_MODEL");
  if (model == nullptr) {
    state.SkipWithError("MATLORA_MODEL names no model");
    return;
  }
  const auto tokenizer = matlora::model::load(model, at::kFloat, at::kCPU).tokenizer;
  const std::string text = corpus();
  size_t tokens = 0;
  for ([[maybe_unused]] auto iteration : state) tokens += tokenizer.encode(text).size();
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
  state.counters["tokens/s"] =
      benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate);
}
BENCHMARK(encode)->Unit(benchmark::kMillisecond);

}  // namespace
