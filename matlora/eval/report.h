// What a sweep leaves behind: sweep.json, sweep.csv, sweep.svg, samples.jsonl, and a table for
// people.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "matlora/base/json.h"
#include "matlora/eval/aurac.h"
#include "matlora/eval/curves.h"
#include "matlora/eval/sweep.h"

namespace matlora::eval {

struct SweepReport {
  std::string model, adapter, data;  // paths as given; adapter "": none
  std::string inference_gate;        // paper, trained
  std::string dtype, device;
  int64_t examples = 0;
  SweepResult result;
};

/// The areas over token accuracy; nothing when only rank 0 was swept.
std::optional<Aurac> aurac_of(const SweepResult& result);

/// {"model", "adapter", "data", .., "rows": [..], "aurac_v1", "aurac_v2", "avg"}; the adapter is
/// null when there is none, the areas are when there is no rank above 0.
Json sweep_json(const SweepReport& report);

/// The rows, with a header line.
std::string sweep_csv(const SweepResult& result);

/// One JSON object {"rank", "index", "tokens", "nll"} a line.
std::string samples_jsonl(const SweepResult& result);

/// Aligned columns, and the areas below.
std::string sweep_table(const SweepResult& result);

/// The rows of an earlier sweep's sweep.json in `directory`, as curve `name`. Throws UserError when
/// the file is missing or not one of a sweep.
NamedCurve read_curve(const std::filesystem::path& directory, const std::string& name);

/// All files into `directory`, which exists; samples.jsonl only when there are samples. sweep.svg
/// shows `others` beside this sweep's curve, which is called `name`.
void write_report(const std::filesystem::path& directory, const SweepReport& report,
                  const std::string& name, std::span<const NamedCurve> others);

}  // namespace matlora::eval
