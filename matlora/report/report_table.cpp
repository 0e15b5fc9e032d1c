// The table for people, on a terminal.
#include <algorithm>
#include <sstream>

#include "matlora/base/error.h"
#include "matlora/eval/measures.h"
#include "matlora/report/decision_text.h"
#include "matlora/report/markup.h"
#include "matlora/report/report.h"

namespace matlora::report {
namespace {

constexpr size_t kGap = 2;          // between two columns
constexpr size_t kMaxTitle = 24;    // letters of a task's or metric's name
constexpr size_t kLeastWidth = 30;  // a terminal of fewer columns is taken for one of these

/// Right-aligned; lines of the head, then one cell per row.
struct Column {
  std::vector<std::string> head;
  std::vector<std::string> cells;

  size_t width() const {
    size_t most = 0;
    for (const auto* lines : {&head, &cells}) {
      for (const std::string& line : *lines) most = std::max(most, letters(line));
    }
    return most;
  }
};

std::string spaces(size_t count) { return std::string(count, ' '); }

std::string padded(const std::string& text, size_t width) {
  const size_t have = letters(text);
  return (have < width ? spaces(width - have) : "") + text;
}

std::string metric_cell(const std::optional<eval::Metric>& metric) {
  if (!metric) return "-";
  const auto& error = metric->standard_error;
  return fixed(metric->value, 4) + (error ? " ± " + fixed(*error, 4) : "");
}

/// The task, then the metric with a line for each of its parts: exact_match, / strict-match.
std::vector<std::string> head_of(const eval::Measure& measure) {
  std::vector<std::string> lines;
  if (!measure.task.empty()) lines.push_back(shortened(printable(measure.task), kMaxTitle));
  std::string rest = measure.task.empty() ? eval::label_of(measure) : printable(measure.metric);
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const size_t end = comma == std::string::npos ? rest.size() : comma + 1;
    lines.push_back(shortened(rest.substr(0, end), kMaxTitle));
    rest.erase(0, end);
  }
  return lines;
}

std::vector<Column> columns_of(const eval::Report& report, const eval::AdapterSweep& sweep) {
  using Row = const eval::RankScore&;
  std::vector<Column> columns;
  const auto add = [&](std::vector<std::string> head, auto text) {
    Column column{std::move(head), {}};
    for (const eval::RankScore& row : sweep.rows) column.cells.push_back(text(row));
    columns.push_back(std::move(column));
  };
  const auto add_measure = [&](const eval::Measure& measure) {
    add(head_of(measure), [&](Row row) { return metric_cell(eval::metric_of(row, measure)); });
  };
  add({"rank"}, [](Row row) { return std::to_string(row.rank); });
  if (eval::has_data(report)) add_measure({"", "loss"});
  for (const eval::Measure& measure : eval::main_measures(report)) add_measure(measure);
  add({"parameters"}, [](Row row) { return std::to_string(row.adapter_parameters); });
  add({"seconds"}, [](Row row) { return fixed(row.seconds, 1); });
  return columns;
}

/// Heads end on the same line.
std::string block_text(const std::vector<const Column*>& columns, size_t rows) {
  size_t head = 0;
  for (const Column* one : columns) head = std::max(head, one->head.size());
  std::vector<std::string> lines(head + rows);
  for (size_t i = 0; i < columns.size(); ++i) {
    const Column& one = *columns[i];
    const size_t width = one.width() + (i > 0 ? kGap : 0), above = head - one.head.size();
    for (size_t line = 0; line < lines.size(); ++line) {
      const std::string text = line < above  ? ""
                               : line < head ? one.head[line - above]
                                             : one.cells[line - head];
      lines[line] += padded(text, width);
    }
  }
  std::string text;
  for (std::string& line : lines) {
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

/// As many columns side by side as fit; the first one, the rank, is in every block.
std::string table_text(const std::vector<Column>& columns, size_t rows, size_t width) {
  std::string text;
  std::vector<const Column*> block = {&columns[0]};
  size_t used = columns[0].width();
  for (size_t i = 1; i < columns.size(); ++i) {
    const size_t more = kGap + columns[i].width();
    if (block.size() > 1 && used + more > width) {
      text += block_text(block, rows) + "\n";
      block.assign(1, &columns[0]);
      used = columns[0].width();
    }
    block.push_back(&columns[i]);
    used += more;
  }
  return text + block_text(block, rows);
}

/// Words in lines of at most `width` letters.
std::string wrapped(const std::string& text, size_t width) {
  std::istringstream words(text);
  std::string lines, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && letters(line) + 1 + letters(word) > width) {
      lines += line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return lines + line + "\n";
}

/// One line where there is one measure; else one for each.
std::string areas_text(const eval::Report& report, const eval::AdapterSweep& sweep, size_t width) {
  const std::vector<eval::Measure> scored = eval::main_measures(report);
  if (scored.size() == 1) {
    const auto found = eval::area_of(sweep, scored.front());
    if (!found) return "";
    return cat("AURAC v1 ", fixed(found->v1, 4), "  v2 ", fixed(found->v2, 4), "  AVG ",
               fixed(found->avg, 4), "\n");
  }
  Column names{{"AURAC"}, {}}, v1{{"v1"}, {}}, v2{{"v2"}, {}}, avg{{"AVG"}, {}};
  for (const eval::Measure& measure : scored) {
    const auto found = eval::area_of(sweep, measure);
    if (!found) continue;
    const std::string name =
        measure.task.empty() ? eval::label_of(measure) : printable(measure.task);
    names.cells.push_back(shortened(name, width - 3 * 8));
    for (const auto& [column, value] :
         {std::pair{&v1, found->v1}, {&v2, found->v2}, {&avg, found->avg}}) {
      column->cells.push_back(fixed(value, 4));
    }
  }
  if (names.cells.empty()) return "";
  const size_t name_width = names.width();
  for (std::vector<std::string>* lines : {&names.head, &names.cells}) {
    for (std::string& line : *lines) line += spaces(name_width - letters(line));
  }
  return block_text({&names, &v1, &v2, &avg}, v1.cells.size());
}

/// Which rank to take, why, and how.
std::string choice_text(const eval::Report& report, const eval::AdapterSweep& sweep,
                        const eval::Within& within, size_t width) {
  const std::vector<eval::MeasureFacts> facts = eval::facts_of(report, sweep);
  if (facts.empty()) return "";
  std::string text = wrapped(headline(report, sweep, facts, within).text(), width);
  const std::string open = undecided_text(facts, within);
  if (!open.empty()) text += wrapped(open, width);
  const int64_t rank = eval::choose(facts, within).rank;
  if (rank > 0 && !sweep.adapter.empty()) text += "  " + take_command(sweep, rank) + "\n";
  return text;
}

std::string files_text(const std::string& directory, size_t width) {
  const std::string folder = directory.empty() ? "" : printable(directory) + "/";
  return wrapped(cat("every measure: ", folder, "sweep.csv"), width) +
         wrapped(cat("curves and answers: ", folder, "report.html"), width);
}

}  // namespace

std::string sweep_table(const eval::Report& report, const ReportOptions& options) {
  const size_t width = std::max(options.width, kLeastWidth);
  std::string text;
  for (const eval::AdapterSweep& sweep : report.sweeps) {
    if (report.sweeps.size() > 1) {
      text += cat(text.empty() ? "" : "\n", shortened(printable(sweep.name), width), "\n");
    }
    text += table_text(columns_of(report, sweep), sweep.rows.size(), width) + "\n";
    text += areas_text(report, sweep, width);
    text += choice_text(report, sweep, options.within_or_default(), width);
  }
  return text + files_text(options.directory, width);
}

}  // namespace matlora::report
