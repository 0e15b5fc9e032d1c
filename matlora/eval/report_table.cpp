// The table for people.
#include <algorithm>
#include <cstdio>

#include "matlora/base/error.h"
#include "matlora/eval/markup.h"
#include "matlora/eval/measures.h"
#include "matlora/eval/report.h"

namespace matlora::eval {
namespace {

/// Right-aligned; the header has a line for the task, if there are any, and one for the rest.
struct Column {
  std::string task, title;
  size_t least_width;
  std::vector<std::string> cells;  // one per row
};

/// Characters, not bytes.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;  // no byte that goes on with one
  }));
}

std::string padded(const std::string& text, size_t width) {
  const size_t have = width_of(text);
  return (have < width ? std::string(width - have, ' ') : "") + text;
}

std::string significant(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

std::string metric_cell(const std::optional<Metric>& metric) {
  if (!metric) return "-";
  const auto& error = metric->standard_error;
  return fixed(metric->value, 4) + (error ? " ± " + fixed(*error, 4) : "");
}

template <class Text>
Column column(const AdapterSweep& sweep, std::string title, size_t least_width, Text text) {
  Column result{"", std::move(title), least_width, {}};
  for (const RankScore& row : sweep.rows) result.cells.push_back(text(row));
  return result;
}

std::vector<Column> columns_of(const Report& report, const AdapterSweep& sweep) {
  using Row = const RankScore&;
  std::vector<Column> columns;
  const auto add = [&](const char* title, size_t least_width, auto text) {
    columns.push_back(column(sweep, title, least_width, text));
  };
  add("rank", 6, [](Row row) { return std::to_string(row.rank); });
  if (has_data(report)) {
    add("loss", 9, [](Row row) { return fixed(row.loss, 4); });
    add("perplexity", 11, [](Row row) { return significant(row.perplexity, 5); });
    add("token accuracy", 14, [](Row row) { return fixed(row.token_accuracy, 4); });
    add("tokens", 8, [](Row row) { return std::to_string(row.tokens); });
  }
  for (const Measure& measure : measures(report, /*parts=*/false)) {
    if (measure.task.empty()) continue;
    add(measure.metric.c_str(), 6, [&](Row row) { return metric_cell(metric_of(row, measure)); });
    columns.back().task = measure.task;
  }
  add("parameters", 10, [](Row row) { return std::to_string(row.adapter_parameters); });
  add("seconds", 8, [](Row row) { return fixed(row.seconds, 1); });
  return columns;
}

std::string text_of(const std::vector<Column>& columns, size_t rows) {
  std::string tasks, titles;
  std::vector<std::string> lines(rows);
  bool any_task = false;
  for (size_t i = 0; i < columns.size(); ++i) {
    const Column& one = columns[i];
    size_t width = std::max({one.least_width, width_of(one.title), width_of(one.task)});
    for (const std::string& cell : one.cells) width = std::max(width, width_of(cell));
    if (i > 0) width += 2;  // the gap
    any_task = any_task || !one.task.empty();
    tasks += padded(one.task, width);
    titles += padded(one.title, width);
    for (size_t row = 0; row < rows; ++row) lines[row] += padded(one.cells[row], width);
  }
  tasks.erase(tasks.find_last_not_of(' ') + 1);
  std::string text = any_task ? tasks + "\n" + titles + "\n" : titles + "\n";
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

/// One line where token accuracy is all there is.
std::string areas_text(const Report& report, const AdapterSweep& sweep) {
  const std::vector<Measure> scored = measures(report, /*parts=*/false);
  size_t width = 0;
  for (const Measure& measure : scored) width = std::max(width, width_of(label_of(measure)));
  std::string text;
  for (const Measure& measure : scored) {
    const auto found = area_of(sweep, measure);
    if (!found) continue;
    std::string label = label_of(measure);
    label.append(width - width_of(label), ' ');
    text += cat("AURAC", scored.size() > 1 ? cat(" ", label, " ") : "", " v1 ", fixed(found->v1, 4),
                "  v2 ", fixed(found->v2, 4), "  AVG ", fixed(found->avg, 4), "\n");
  }
  return text;
}

std::string smallest_text(const Report& report, const AdapterSweep& sweep, const Within& within) {
  std::string text;
  for (const Measure& measure : measures(report, /*parts=*/false)) {
    const auto found = smallest_of(sweep, measure, within);
    if (!found) continue;
    text += cat("smallest rank within ", within.text, " of the best: ", found->rank, " (",
                label_of(measure), " ", fixed(found->value, 3), ", best ", fixed(found->best, 3),
                " at rank ", found->best_rank, ")\n");
  }
  return text;
}

}  // namespace

std::string sweep_table(const Report& report, const ReportOptions& options) {
  std::string text;
  for (const AdapterSweep& sweep : report.sweeps) {
    if (report.sweeps.size() > 1) {
      text += cat(text.empty() ? "" : "\n", printable(sweep.name), "\n");
    }
    text += text_of(columns_of(report, sweep), sweep.rows.size());
    text += areas_text(report, sweep);
    if (options.within) text += smallest_text(report, sweep, *options.within);
  }
  return text;
}

}  // namespace matlora::eval
