#include "matlora/eval/report.h"

#include <cstdio>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/eval/curves.h"

namespace matlora::eval {
namespace {

constexpr size_t kMaxPathBytes = 4096;

/// printf for one short piece of text.
template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/// A path may hold any bytes, JSON may not.
std::string path_text(const std::string& path) { return printable(path, kMaxPathBytes); }

Json row_json(const RankScore& row) {
  return {{"rank", row.rank},
          {"loss", row.loss},
          {"perplexity", row.perplexity},
          {"token_accuracy", row.token_accuracy},
          {"tokens", row.tokens},
          {"adapter_parameters", row.adapter_parameters},
          {"seconds", row.seconds}};
}

std::string title_of(const SweepReport& report) {
  const auto last = [](const std::string& path) {
    const std::filesystem::path whole(path);
    return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
  };
  const std::string base = last(report.model);
  return path_text(report.adapter.empty() ? base : last(report.adapter) + " on " + base);
}

}  // namespace

std::optional<Aurac> aurac_of(const SweepResult& result) {
  std::vector<RankAccuracy> points;
  for (const RankScore& row : result.rows) points.push_back({row.rank, row.token_accuracy});
  return aurac(std::move(points));
}

Json sweep_json(const SweepReport& report) {
  Json json = {{"model", path_text(report.model)},
               {"adapter", nullptr},
               {"data", path_text(report.data)},
               {"examples", report.examples},
               {"inference_gate", report.inference_gate},
               {"dtype", report.dtype},
               {"device", report.device},
               {"rows", Json::array()},
               {"aurac_v1", nullptr},
               {"aurac_v2", nullptr},
               {"avg", nullptr}};
  if (!report.adapter.empty()) json["adapter"] = path_text(report.adapter);
  for (const RankScore& row : report.result.rows) json["rows"].push_back(row_json(row));
  if (const auto area = aurac_of(report.result)) {
    json["aurac_v1"] = area->v1;
    json["aurac_v2"] = area->v2;
    json["avg"] = area->avg;
  }
  return json;
}

std::string sweep_csv(const SweepResult& result) {
  std::string text = "rank,loss,perplexity,token_accuracy,tokens,adapter_parameters,seconds\n";
  for (const RankScore& row : result.rows) {
    text += cat(row.rank, format(",%.9g,%.9g,%.9g,", row.loss, row.perplexity, row.token_accuracy),
                row.tokens, ",", row.adapter_parameters, format(",%.3f\n", row.seconds));
  }
  return text;
}

std::string samples_jsonl(const SweepResult& result) {
  std::string text;
  for (const Sample& sample : result.samples) {
    const Json line = {{"rank", sample.rank},
                       {"index", sample.index},
                       {"tokens", sample.tokens},
                       {"nll", sample.nll}};
    text += line.dump() + "\n";
  }
  return text;
}

std::string sweep_table(const SweepResult& result) {
  std::string text = format("%6s  %9s  %11s  %14s  %8s  %10s  %8s\n", "rank", "loss", "perplexity",
                            "token accuracy", "tokens", "parameters", "seconds");
  for (const RankScore& row : result.rows) {
    text += format("%6lld  %9.4f  %11.5g  %14.4f  %8lld  %10lld  %8.1f\n",
                   static_cast<long long>(row.rank), row.loss, row.perplexity, row.token_accuracy,
                   static_cast<long long>(row.tokens),
                   static_cast<long long>(row.adapter_parameters), row.seconds);
  }
  if (const auto area = aurac_of(result)) {
    text += format("AURAC v1 %.4f  v2 %.4f  AVG %.4f\n", area->v1, area->v2, area->avg);
  }
  return text;
}

NamedCurve read_curve(const std::filesystem::path& directory, const std::string& name) {
  const std::filesystem::path path = directory / "sweep.json";
  const std::string where = path.string();
  const Json json = read_json(path);
  const Json* rows = JsonObject(json, where).find("rows");
  if (rows == nullptr || !rows->is_array()) fail(where, "'rows': expected a list");
  NamedCurve curve{printable(name), {}};
  for (const Json& value : *rows) {
    const JsonObject row(value, where);
    RankScore score;
    score.rank = row.integer("rank", 0, int64_t{1} << 20);
    score.loss = row.number("loss");
    score.token_accuracy = row.number("token_accuracy");
    curve.rows.push_back(score);
  }
  return curve;
}

void write_report(const std::filesystem::path& directory, const SweepReport& report,
                  const std::string& name, std::span<const NamedCurve> others) {
  write_file(directory / "sweep.json", pretty(sweep_json(report)));
  write_file(directory / "sweep.csv", sweep_csv(report.result));
  std::vector<NamedCurve> curves{{printable(name), report.result.rows}};
  curves.insert(curves.end(), others.begin(), others.end());
  write_file(directory / "sweep.svg", curves_svg(curves, title_of(report)));
  if (!report.result.samples.empty()) {
    write_file(directory / "samples.jsonl", samples_jsonl(report.result));
  }
}

}  // namespace matlora::eval
