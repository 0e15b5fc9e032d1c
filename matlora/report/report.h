// What a sweep leaves behind, docs/sweep.md: sweep.json, sweep.csv, sweep.svg, report.html,
// samples.jsonl, and a table for people.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/eval/results.h"
#include "matlora/eval/within.h"
#include "matlora/report/curves.h"

namespace matlora::report {

/// "format_version" of sweep.json.
inline constexpr int64_t kSweepVersion = 1;

struct ReportOptions {
  std::optional<eval::Within> within;       // say the smallest rank that is so near the best
  std::vector<eval::AdapterSweep> earlier;  // to be drawn with the report's own, see read_sweeps
  bool samples = true;                      // write samples.jsonl when there are samples
  size_t width = 100;                       // columns of the terminal that sweep_table is for
  std::string directory;                    // where the files will be, as people know it

  /// 1% where none is given.
  eval::Within within_or_default() const { return within.value_or(eval::Within{0.01, true, "1%"}); }
};

/// A row of sweep.json: {"rank", "adapter_parameters", "seconds"}, the teacher-forced scores where
/// there are any, and "tasks": {NAME: {"n", METRIC, METRIC_stderr, ..}}.
Json row_json(const eval::RankScore& row);

/// With one sweep {"model", "adapter", "data", .., "rows": [..], "aurac_v1", ..}; with several
/// "sweeps": [..] holds what is of one adapter. The areas are null without a rank above 0.
Json sweep_json(const eval::Report& report, const ReportOptions& options = {});

/// The rows, with a header line (RFC 4180, but lines end in \n).
std::string sweep_csv(const eval::Report& report);

/// A JSON object a line: every Sample, then every TaskSample, sweep by sweep.
std::string samples_jsonl(const eval::Report& report);

/// For a terminal: aligned columns of every rank with the main measure of each task, in blocks one
/// below the other where they do not fit `width`; the areas; which rank to take, and the command
/// that cuts it. A last line names the files that have the rest. No line is wider than `width`,
/// where that is 30 at least, but for the command. Parts of groups (mmlu's subjects) are left out.
std::string sweep_table(const eval::Report& report, const ReportOptions& options = {});

/// sweep.svg: token accuracy and loss where there is data, and the first metric of every task
/// (without parts of groups).
Figure sweep_figure(const eval::Report& report,
                    const std::vector<eval::AdapterSweep>& earlier = {});

/// The sweeps in an earlier sweep.json in `directory`, names and rows only: one is called `name`,
/// several "name: its own name". A file with neither "format" nor "format_version", as the first
/// builds before 0.1.0 wrote it, is read as version 1. Throws UserError when the file is missing,
/// not one of a sweep, or of a newer version; or has a "format" and no version.
std::vector<eval::AdapterSweep> read_sweeps(const std::filesystem::path& directory,
                                            const std::string& name);

/// The names of all files that a report may have.
const std::vector<std::string>& report_files();

/// All files into `directory`, which exists.
void write_report(const std::filesystem::path& directory, const eval::Report& report,
                  const ReportOptions& options = {});

}  // namespace matlora::report
