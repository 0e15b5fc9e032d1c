// A report's curves, and those of earlier ones.
#include <cmath>
#include <set>

#include "matlora/base/error.h"
#include "matlora/eval/measures.h"
#include "matlora/format/path_kind.h"
#include "matlora/report/markup.h"
#include "matlora/report/report.h"

namespace matlora::report {
namespace {

constexpr int64_t kMaxRank = int64_t{1} << 20;

Curve curve_of(const eval::AdapterSweep& sweep, const eval::Measure& measure) {
  Curve curve{printable(sweep.name), {}};
  for (const eval::RankScore& row : sweep.rows) {
    const auto metric = eval::metric_of(row, measure);
    if (metric) curve.points.push_back({row.rank, metric->value, metric->standard_error});
  }
  return curve;
}

bool has_errors(const Panel& panel) {
  for (const Curve& curve : panel.curves) {
    for (const Point& point : curve.points) {
      if (point.standard_error) return true;
    }
  }
  return false;
}

Panel panel_of(std::string title, std::string axis, const eval::Measure& measure,
               const eval::Report& report, const std::vector<eval::AdapterSweep>& earlier) {
  Panel panel{std::move(title), std::move(axis), {}};
  panel.least = 0;
  if (measure.metric != "loss") panel.most = 1;
  for (const auto* sweeps : {&report.sweeps, &earlier}) {
    for (const eval::AdapterSweep& sweep : *sweeps) {
      panel.curves.push_back(curve_of(sweep, measure));
    }
  }
  if (has_errors(panel)) panel.axis += " ± standard error";
  return panel;
}

/// "adapter on model", of the last parts of their paths.
std::string title_of(const eval::Report& report) {
  const auto last = [](const std::string& path) {
    const std::filesystem::path whole(path);
    return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
  };
  const bool one = report.sweeps.size() == 1 && !report.sweeps.front().adapter.empty();
  const std::string model = last(report.model);
  return shown_path(one ? last(report.sweeps.front().adapter) + " on " + model : model);
}

/// Nothing where it is absent or null.
std::optional<double> error_of(const JsonObject& json, const std::string& key) {
  if (json.find(key) == nullptr) return std::nullopt;
  return json.number(key);
}

/// {"n": documents, METRIC: value, METRIC + "_stderr": value or null, ..}
eval::TaskScore read_task(const std::string& name, const JsonObject& json) {
  eval::TaskScore task{name, json.integer_or("n", 0, 0, INT64_MAX), {}};
  for (const auto& [key, value] : json.value().items()) {
    if (key == "n" || key.ends_with("_stderr")) continue;
    task.metrics.push_back({key, json.number(key), error_of(json, key + "_stderr")});
  }
  return task;
}

eval::RankScore read_row(const JsonObject& json) {
  eval::RankScore row;
  row.rank = json.integer("rank", 0, kMaxRank);
  row.adapter_parameters = json.integer_or("adapter_parameters", 0, 0, INT64_MAX);
  if (json.find("tasks") == nullptr || json.find("loss") != nullptr) {
    row.loss = json.number("loss");
    row.perplexity = std::exp(row.loss);
    row.token_accuracy = json.number("token_accuracy");
    row.tokens = json.integer_or("tokens", 1, 1, INT64_MAX);
    row.loss_error = error_of(json, "loss_stderr");
    row.token_accuracy_error = error_of(json, "token_accuracy_stderr");
  }
  if (json.find("tasks") == nullptr) return row;
  const JsonObject tasks = json.object("tasks");
  for (const auto& [name, value] : tasks.value().items()) {
    row.tasks.push_back(read_task(name, tasks.object(name)));
  }
  return row;
}

eval::AdapterSweep read_sweep(const JsonObject& json, const std::string& name) {
  const Json* rows = json.find("rows");
  if (rows == nullptr || !rows->is_array()) fail(json.where(), "'rows': expected a list");
  eval::AdapterSweep sweep;
  sweep.name = name;
  sweep.adapter = json.string_or("adapter", "");
  sweep.inference_gate = json.string_or("inference_gate", "");
  std::set<int64_t> ranks;
  for (const Json& value : *rows) {
    sweep.rows.push_back(read_row(JsonObject(value, json.where())));
    const int64_t rank = sweep.rows.back().rank;
    if (!ranks.insert(rank).second) fail(json.where(), "'rows': rank ", rank, " is there twice");
  }
  return sweep;
}

}  // namespace

Figure sweep_figure(const eval::Report& report, const std::vector<eval::AdapterSweep>& earlier) {
  Figure figure{title_of(report), {}};
  const auto add = [&](const char* title, const char* axis, const eval::Measure& measure) {
    figure.panels.push_back(panel_of(title, axis, measure, report, earlier));
  };
  if (eval::has_data(report)) {
    add("Token accuracy", "", {"", "token_accuracy"});
    add("Loss", "nats per label token", {"", "loss"});
  }
  for (const eval::Measure& measure : eval::main_measures(report)) {
    if (measure.task.empty()) continue;
    add(measure.task.c_str(), measure.metric.c_str(), measure);
  }
  return figure;
}

std::vector<eval::AdapterSweep> read_sweeps(const std::filesystem::path& directory,
                                            const std::string& name) {
  const std::filesystem::path path = directory / "sweep.json";
  std::error_code error;
  if (std::filesystem::exists(directory, error) && !std::filesystem::exists(path, error)) {
    fail(directory.string(), "expected the directory of a sweep's results (sweep.json), got ",
         format::what_is(directory));
  }
  const Json file = read_json(path);
  const JsonObject json(file, path.string());
  // The first sweeps have neither "format" nor a version (report.h).
  if (json.value().contains("format") || json.value().contains("format_version")) {
    check_format_version(json, kSweepVersion);
  }
  const Json* several = json.find("sweeps");
  if (several == nullptr) return {read_sweep(json, name)};
  if (!several->is_array()) fail(json.where(), "'sweeps': expected a list");
  std::vector<eval::AdapterSweep> sweeps;
  for (const Json& value : *several) {
    const JsonObject one(value, json.where());
    sweeps.push_back(read_sweep(one, name + ": " + one.string("name")));
  }
  return sweeps;
}

}  // namespace matlora::report
