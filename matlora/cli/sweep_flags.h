// What `matlora sweep` is asked for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "matlora/cli/command.h"
#include "matlora/cli/evaluation.h"
#include "matlora/cli/rank_flags.h"
#include "matlora/report/report.h"

namespace matlora::cli {

/// [NAME=]PATH[@RANKS] of --adapter. Two of one name are one curve.
struct AdapterFlag {
  std::string name;  // PATH's last part where none is given
  fs::path path;
  std::vector<int64_t> ranks;  // empty: what --ranks says
};

struct SweepFlags {
  fs::path model, output;
  std::vector<AdapterFlag> adapters;
  std::vector<int64_t> ranks;
  RankFlags pattern;  // ranks per module, at every rank but 0
  std::string inference_gate;
  fs::path budget;  // records; "": not asked for
  EvaluationFlags evaluation;
  std::string within;  // "": not asked for
  std::vector<std::string> compare;
  bool samples = false, any_base = false, force = false;

  void add_options(CLI::App& app);

  /// What can be said without loading anything; fills `adapters`. Throws UserError naming the flag.
  void check(const CLI::App& app);

  /// What --within, --compare and --samples say. Throws UserError.
  report::ReportOptions report_options() const;

 private:
  void check_budget() const;
  void check_pattern() const;

  std::vector<std::string> adapter_texts_;
};

}  // namespace matlora::cli
