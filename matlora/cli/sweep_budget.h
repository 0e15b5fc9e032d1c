// sweep --budget: ranks per layer that are as large together as one rank everywhere.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "matlora/cli/command.h"

namespace matlora::cli {

/// What `compress --parameters` makes of an adapter at the size of rank `rank`.
struct WithinBudget {
  int64_t rank = 0;
  adapter::Adapter adapter;  // at its full rank it is what is meant
};

/// One for each rank above 0. `base` has its weights in memory and `adapter` on it; the first
/// kBudgetRecords records of `data` weight the directions and say what they take off the loss.
/// Throws UserError for records that cannot be read.
std::vector<WithinBudget> within_budgets(const model::Model& base, const adapter::Adapter& adapter,
                                         adapter::InferenceGate gate,
                                         std::span<const int64_t> ranks, const fs::path& data,
                                         int64_t max_length, bool quiet);

/// The command that makes such an adapter, without --parameters and --output.
std::string budget_command(const fs::path& adapter, const fs::path& model, const fs::path& data,
                           int64_t max_length);

}  // namespace matlora::cli
