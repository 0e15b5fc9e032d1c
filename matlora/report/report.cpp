#include "matlora/report/report.h"

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/version.h"
#include "matlora/eval/decision.h"
#include "matlora/eval/measures.h"
#include "matlora/report/html.h"
#include "matlora/report/markup.h"

namespace matlora::report {
namespace {

/// null for no path.
Json path_json(const std::string& path) { return path.empty() ? Json() : Json(shown_path(path)); }

Json task_json(const eval::TaskScore& task) {
  Json json = {{"n", task.documents}};
  for (const eval::Metric& metric : task.metrics) {
    json[metric.name] = metric.value;
    json[metric.name + "_stderr"] = metric.standard_error ? Json(*metric.standard_error) : Json();
  }
  return json;
}

Json area_json(const std::optional<eval::Aurac>& area) {
  if (!area) return {{"aurac_v1", nullptr}, {"aurac_v2", nullptr}, {"avg", nullptr}};
  return {{"aurac_v1", area->v1}, {"aurac_v2", area->v2}, {"avg", area->avg}};
}

/// The metrics' places are those of the areas: token_accuracy by itself, tasks' below "tasks".
Json smallest_json(const eval::Report& report, const eval::AdapterSweep& sweep,
                   const eval::Within& within) {
  Json json = {{"within", within.text}};
  for (const eval::Measure& measure : eval::measures(report, /*parts=*/true)) {
    const auto found = eval::smallest_of(sweep, measure, within);
    Json& place =
        measure.task.empty() ? json[measure.metric] : json["tasks"][measure.task][measure.metric];
    place = found ? Json(found->rank) : Json();
  }
  return json;
}

/// The rank to take as the page says it, by all measures and by each; 0: none.
Json take_json(const eval::Report& report, const eval::AdapterSweep& sweep,
               const eval::Within& within) {
  const std::vector<eval::MeasureFacts> facts = eval::facts_of(report, sweep);
  if (facts.empty()) return {};
  Json json = {{"within", within.text}, {"rank", eval::choose(facts, within).rank}};
  for (const eval::MeasureFacts& one : facts) {
    const eval::Measure& measure = one.measure;
    Json& place =
        measure.task.empty() ? json[measure.metric] : json["tasks"][measure.task][measure.metric];
    place = eval::rank_by(one, within);
  }
  return json;
}

/// What is of one adapter, without its name.
Json adapter_json(const eval::Report& report, const eval::AdapterSweep& sweep,
                  const ReportOptions& options) {
  const std::vector<eval::Measure> scored = eval::measures(report, /*parts=*/true);
  const std::vector<eval::Measure> first = eval::main_measures(report);
  Json json = area_json(first.empty() ? std::nullopt : eval::area_of(sweep, first.front()));
  json["adapter"] = path_json(sweep.adapter);
  json["inference_gate"] = sweep.inference_gate;
  if (!sweep.budget.empty()) json["budget"] = sweep.budget;
  if (!sweep.rank_pattern.empty()) json["rank_pattern"] = sweep.rank_pattern;
  json["rows"] = Json::array();
  for (const eval::RankScore& row : sweep.rows) json["rows"].push_back(row_json(row));
  for (const eval::Measure& measure : scored) {
    if (measure.task.empty()) continue;
    json["areas"][measure.task][measure.metric] = area_json(eval::area_of(sweep, measure));
  }
  json["take"] = take_json(report, sweep, options.within_or_default());
  if (options.within) json["smallest_rank"] = smallest_json(report, sweep, *options.within);
  return json;
}

Json protocol_json(const eval::TaskProtocol& task) {
  Json json = {{"version", task.version},
               {"shots", task.shots},
               {"documents", task.documents},
               {"seed", task.seed},
               {"truncated", task.truncated}};
  if (task.max_new_tokens > 0) json["max_new_tokens"] = task.max_new_tokens;
  return json;
}

Json program_json() {
  Json json = {{"version", version()}};
  if (!commit().empty()) json["commit"] = commit();
  return json;
}

}  // namespace

Json row_json(const eval::RankScore& row) {
  Json json = {
      {"rank", row.rank}, {"adapter_parameters", row.adapter_parameters}, {"seconds", row.seconds}};
  if (row.tokens > 0) {
    json["loss"] = row.loss;
    json["perplexity"] = row.perplexity;
    json["token_accuracy"] = row.token_accuracy;
    json["tokens"] = row.tokens;
    json["loss_stderr"] = row.loss_error ? Json(*row.loss_error) : Json();
    const auto& error = row.token_accuracy_error;
    json["token_accuracy_stderr"] = error ? Json(*error) : Json();
  }
  for (const eval::TaskScore& task : row.tasks) json["tasks"][task.task] = task_json(task);
  return json;
}

Json sweep_json(const eval::Report& report, const ReportOptions& options) {
  check(!report.sweeps.empty(), "report: no sweeps");
  Json json = {{"format", "matlora-sweep"},        {"format_version", kSweepVersion},
               {"model", path_json(report.model)}, {"data", path_json(report.data)},
               {"examples", report.examples},      {"dtype", report.dtype},
               {"device", report.device},          {"matlora", program_json()}};
  for (const eval::TaskProtocol& task : report.tasks) {
    json["tasks"][task.name] = protocol_json(task);
  }
  if (report.sweeps.size() == 1) {
    json.update(adapter_json(report, report.sweeps.front(), options));
    return json;
  }
  for (const eval::AdapterSweep& sweep : report.sweeps) {
    Json one = adapter_json(report, sweep, options);
    one["name"] = printable(sweep.name);
    json["sweeps"].push_back(std::move(one));
  }
  return json;
}

const std::vector<std::string>& report_files() {
  static const std::vector<std::string> names = {"sweep.json", "sweep.csv", "sweep.svg",
                                                 "report.html", "samples.jsonl"};
  return names;
}

void write_report(const std::filesystem::path& directory, const eval::Report& report,
                  const ReportOptions& options) {
  write_file(directory / "sweep.json", pretty(sweep_json(report, options)));
  write_file(directory / "sweep.csv", sweep_csv(report));
  write_file(directory / "sweep.svg", figure_svg(sweep_figure(report, options.earlier)));
  write_file(directory / "report.html", report_html(report, options));
  if (!options.samples) return;
  const std::string samples = samples_jsonl(report);
  if (!samples.empty()) write_file(directory / "samples.jsonl", samples);
}

}  // namespace matlora::report
