// --rank and --rank-pattern: how many directions of an adapter a command uses.
#pragma once

#include <cstdint>
#include <string>

#include "matlora/adapter/plan.h"
#include "matlora/cli/command.h"

namespace matlora::cli {

struct RankFlags {
  int64_t rank = -1;  // -1: not given
  fs::path pattern;   // "": none

  /// rank_help: of --rank.
  void add_options(CLI::App& app, const std::string& rank_help);
  /// Only --rank-pattern.
  void add_pattern(CLI::App& app);

  bool given() const { return rank >= 0 || !pattern.empty(); }

  /// The ranks of `adapter` that are asked for: without --rank its full rank. lowest: of --rank
  /// where there is no pattern; with one, 0 leaves out what it does not name. Throws UserError
  /// naming the flag or the file.
  adapter::RankPlan plan(const adapter::Adapter& adapter, int64_t lowest) const;
};

/// "rank 4 of 8", or "ranks 1 to 4 of 8" where layers differ.
std::string plan_text(const adapter::RankPlan& plan, const adapter::Adapter& adapter);

}  // namespace matlora::cli
