#include "matlora/cli/sweep_budget.h"

#include "matlora/adapter/compress.h"
#include "matlora/base/error.h"
#include "matlora/base/shell.h"
#include "matlora/eval/calibration.h"
#include "matlora/train/worth.h"

namespace matlora::cli {
namespace {

constexpr int64_t kBudgetRecords = 64;

}  // namespace

std::vector<WithinBudget> within_budgets(const model::Model& base, const adapter::Adapter& adapter,
                                         adapter::InferenceGate gate,
                                         std::span<const int64_t> ranks, const fs::path& data,
                                         int64_t max_length, bool quiet) {
  data::ExampleOptions reading;
  reading.limit = kBudgetRecords;
  reading.max_length = max_length;
  const data::Examples examples = read_examples(base, data, reading, quiet);
  const eval::Calibration found =
      eval::gather_moments(base.decoder, adapter, gate, adapter.rule.rank, examples.items, quiet);
  const adapter::Renested nested =
      adapter::renest(adapter, gate, adapter.rule.rank, &found.moments, data.string());
  const auto layers = train::worth_by_loss(base.decoder, nested, examples.items, quiet);
  std::vector<WithinBudget> result;
  for (const int64_t rank : ranks) {
    if (rank == 0) continue;
    const std::vector<int64_t> by_layer = adapter::ranks_within(layers, adapter.parameters(rank));
    result.push_back({rank, adapter::ordered_adapter(adapter::cut(nested, by_layer).layers)});
  }
  return result;
}

std::string budget_command(const fs::path& adapter, const fs::path& model, const fs::path& data,
                           int64_t max_length) {
  return cat("matlora compress --adapter ", shell_word(adapter.string()), " --calibrate ",
             shell_word(data.string()), " --limit ", kBudgetRecords, " --max-length ", max_length,
             " --model ", shell_word(model.string()));
}

}  // namespace matlora::cli
