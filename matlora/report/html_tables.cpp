// report.html: the table of all ranks, how they were scored, and what tables are made of.
#include <algorithm>
#include <cstdio>

#include "matlora/base/error.h"
#include "matlora/base/version.h"
#include "matlora/report/html_parts.h"
#include "matlora/report/markup.h"

namespace matlora::report {
namespace {

constexpr int64_t kFloatBytes = 4;

/// Bold where it is the best of its sweep's ranks, of equal ones the smallest; underlined where a
/// better one cannot be told from it.
std::string measure_cell(const eval::AdapterSweep& sweep, const eval::RankScore& row,
                         const eval::Measure& measure,
                         const std::vector<eval::MeasureFacts>& facts) {
  const auto metric = eval::metric_of(row, measure);
  if (!metric) return missing_cell();
  const auto best = eval::smallest_of(sweep, measure, eval::Within{});
  if (best && row.rank == best->best_rank) {
    return number_cell(metric->value, metric_text(*metric), "best");
  }
  bool near = false;
  for (const eval::MeasureFacts& one : facts) {
    const eval::RankFacts* const rank = one.measure == measure ? one.at(row.rank) : nullptr;
    near = near || (rank != nullptr && rank->below_best.standard_error &&
                    !eval::is_clear(rank->below_best));
  }
  return number_cell(metric->value, metric_text(*metric), near ? "near" : "");
}

/// At which stops of the page's slider the rank is the one to take, and whether it is marked now.
std::string chosen_attributes(const PageChoices& choices, size_t sweep, int64_t rank) {
  std::string stops;
  bool now = false;
  for (size_t i = 0; rank > 0 && i < choices.stops.size(); ++i) {
    if (eval::choose(choices.facts[sweep], choices.stops[i]).rank != rank) continue;
    stops += cat(stops.empty() ? "" : " ", i);
    now = now || i == choices.shown;
  }
  if (stops.empty()) return "";
  return cat(now ? "class=\"chosen\" " : "", "data-chosen=\"", stops, "\"");
}

std::string ranks_head(const eval::Report& report) {
  std::string head = head_cell("rank", "");
  if (eval::has_data(report)) {
    head += head_cell("loss") + head_cell("perplexity");
  }
  for (const eval::Measure& measure : eval::measures(report, /*parts=*/false)) {
    head += head_cell(label_text(measure));
  }
  return head + head_cell("parameters") + head_cell("as float32") + head_cell("seconds");
}

/// The rank, and of several sweeps whose it is, with the colour of its curve.
std::string rank_cell(const eval::Report& report, size_t sweep, const eval::RankScore& row) {
  std::string of;
  if (report.sweeps.size() > 1) {
    of = element("span", "class=\"of\"", key_svg(sweep) + " " + name_text(report.sweeps[sweep]));
  }
  return cat("<th class=\"rank\" scope=\"row\" data-v=\"", row.rank, "\">", row.rank, of, "</th>");
}

std::string rank_row(const eval::Report& report, size_t index, const eval::RankScore& row,
                     const PageChoices& choices) {
  const eval::AdapterSweep& sweep = report.sweeps[index];
  const auto whole = [](int64_t value, const std::string& text) {
    return number_cell(static_cast<double>(value), text);
  };
  const int64_t bytes = row.adapter_parameters * kFloatBytes;
  std::string cells = rank_cell(report, index, row);
  if (eval::has_data(report)) {
    const bool scored = row.tokens > 0;
    const eval::Metric loss{"loss", row.loss, row.loss_error};
    cells += scored ? number_cell(row.loss, metric_text(loss)) : missing_cell();
    cells += scored ? number_cell(row.perplexity, fixed(row.perplexity, 3)) : missing_cell();
  }
  for (const eval::Measure& measure : eval::measures(report, /*parts=*/false)) {
    cells += measure_cell(sweep, row, measure, choices.facts[index]);
  }
  cells += whole(row.adapter_parameters, grouped(row.adapter_parameters));
  cells += whole(bytes, bytes_text(bytes)) + number_cell(row.seconds, fixed(row.seconds, 1));
  return element("tr", chosen_attributes(choices, index, row.rank), cells) + "\n";
}

/// Tasks that are parts of a group: a row each, a column for every rank.
std::string parts_table(const eval::AdapterSweep& sweep, const std::vector<eval::Measure>& parts) {
  std::string head = head_cell("part", ""), rows;
  for (const eval::RankScore& row : sweep.rows) head += head_cell(cat("rank\u00a0", row.rank));
  for (const eval::Measure& measure : parts) {
    std::string cells = element("th", "scope=\"row\"", label_text(measure));
    for (const eval::RankScore& row : sweep.rows) cells += measure_cell(sweep, row, measure, {});
    rows += element("tr", "", cells) + "\n";
  }
  return table_box("class=\"sortable\"", head, rows);
}

std::string parts_details(const eval::Report& report) {
  std::vector<eval::Measure> parts = eval::measures(report, /*parts=*/true);
  const std::vector<eval::Measure> shown = eval::measures(report, /*parts=*/false);
  std::erase_if(parts, [&](const eval::Measure& measure) {
    return std::find(shown.begin(), shown.end(), measure) != shown.end();
  });
  if (parts.empty()) return "";
  std::string text = "<details>\n<summary>Parts of the tasks</summary>\n";
  for (const eval::AdapterSweep& sweep : report.sweeps) {
    if (report.sweeps.size() > 1) text += element("h3", "", name_text(sweep)) + "\n";
    text += parts_table(sweep, parts);
  }
  return text + "</details>\n";
}

/// A row of two cells; `value` is markup.
std::string fact(const std::string& name, const std::string& value) {
  return cat("<tr><th scope=\"row\">", escaped(name), "</th><td class=\"fact\">", value,
             "</td></tr>\n");
}

std::string program() { return version() + (commit().empty() ? "" : " (" + commit() + ")"); }

std::string facts_table(const eval::Report& report) {
  std::string rows = fact("model", escaped(shown_path(report.model)));
  for (const eval::AdapterSweep& sweep : report.sweeps) {
    const std::string path = sweep.adapter.empty() ? "none" : escaped(shown_path(sweep.adapter));
    const std::string gate = sweep.adapter.empty() || sweep.inference_gate.empty()
                                 ? ""
                                 : ", " + escaped(sweep.inference_gate) + " inference gate";
    rows += fact(report.sweeps.size() > 1 ? "adapter " + printable(sweep.name) : "adapter",
                 path + gate);
  }
  if (eval::has_data(report)) {
    rows += fact("data", escaped(cat(shown_path(report.data), ", ", grouped(report.examples),
                                     " examples, teacher-forced")));
  }
  rows += fact("dtype", escaped(report.dtype)) + fact("device", escaped(report.device));
  return table_box("", "", rows + fact("matlora", escaped(program())));
}

std::string tasks_table(const eval::Report& report) {
  std::string rows;
  for (const eval::TaskProtocol& task : report.tasks) {
    std::string cells = element("th", "scope=\"row\"", escaped(task.name)) +
                        element("td", "", escaped(task.version));
    for (const int64_t value : {task.shots, task.documents}) {
      cells += number_cell(static_cast<double>(value), grouped(value));
    }
    cells += number_cell(static_cast<double>(task.seed), std::to_string(task.seed));
    cells += task.max_new_tokens > 0 ? number_cell(static_cast<double>(task.max_new_tokens),
                                                   grouped(task.max_new_tokens))
                                     : missing_cell();
    cells += number_cell(static_cast<double>(task.truncated), grouped(task.truncated));
    rows += element("tr", "", cells) + "\n";
  }
  if (rows.empty()) return "";
  return table_box("class=\"sortable\"",
                   cat(head_cell("task", ""), head_cell("version", ""), head_cell("shots"),
                       head_cell("documents"), head_cell("seed"), head_cell("max. new tokens"),
                       head_cell("prompts cut")),
                   rows);
}

std::string task_citation(const eval::TaskProtocol& task) {
  std::string text = cat(task.name, " (version ", task.version, ", ", task.shots, "-shot, ",
                         task.documents, " documents, seed ", task.seed);
  if (task.max_new_tokens > 0) text += cat(", at most ", task.max_new_tokens, " new tokens");
  if (task.truncated > 0) text += cat(", ", task.truncated, " prompts cut");
  return text + ")";
}

std::string citation(const eval::Report& report) {
  std::string text = cat("matlora ", program(), ": ", shown_path(report.model));
  for (const eval::AdapterSweep& sweep : report.sweeps) {
    if (sweep.adapter.empty()) continue;
    text += cat("; adapter ", shown_path(sweep.adapter), " (", sweep.inference_gate, " gate)");
  }
  for (const eval::TaskProtocol& task : report.tasks) text += "; " + task_citation(task);
  if (eval::has_data(report)) {
    text += cat("; ", shown_path(report.data), ", ", report.examples, " examples, teacher-forced");
  }
  return cat(text, "; ", report.dtype, " on ", report.device, ".");
}

}  // namespace

std::string ranks_section(const eval::Report& report, const PageChoices& choices) {
  std::string rows;
  for (size_t i = 0; i < report.sweeps.size(); ++i) {
    for (const eval::RankScore& row : report.sweeps[i].rows) {
      rows += rank_row(report, i, row, choices);
    }
  }
  return cat("<section>\n<h2>Every rank</h2>\n",
             table_box("class=\"sortable\"", ranks_head(report), rows),
             "<p class=\"note\">Bold: the best of its adapter’s ranks. Dotted line: no more than ",
             "one standard error below it, document by document. Marked: the rank to take. ",
             "Figures after ± are standard errors.</p>\n", parts_details(report), "</section>\n");
}

std::string protocol_section(const eval::Report& report) {
  return cat(
      "<section>\n<h2>How this was measured</h2>\n", facts_table(report), tasks_table(report),
      "<h3>To cite</h3>\n", element("code", "class=\"cite\"", escaped(citation(report))), "\n",
      "<button class=\"copy\" type=\"button\" hidden=\"hidden\">Copy</button>\n", "</section>\n");
}

std::string table_box(const std::string& attributes, const std::string& head,
                      const std::string& rows) {
  const std::string top = head.empty() ? "" : cat("<thead><tr>", head, "</tr></thead>\n");
  return cat("<div class=\"box\" tabindex=\"0\">\n",
             element("table", attributes, cat("\n", top, "<tbody>\n", rows, "</tbody>\n")),
             "\n</div>\n");
}

std::string head_cell(const std::string& content, const std::string& style) {
  return element("th", cat("scope=\"col\"", style.empty() ? "" : " class=\"" + style + "\""),
                 content);
}

std::string number_cell(double value, const std::string& text, const std::string& style) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.17g", value);
  return cat("<td class=\"number", style.empty() ? "" : " ", style, "\" data-v=\"", digits, "\">",
             escaped(text), "</td>");
}

std::string missing_cell() { return "<td class=\"number\" data-none=\"\">–</td>"; }

std::string metric_text(const eval::Metric& metric) {
  const auto& error = metric.standard_error;
  return fixed(metric.value, 4) + (error ? " ± " + fixed(*error, 4) : "");
}

std::string bytes_text(int64_t bytes) {
  auto size = static_cast<double>(bytes);
  if (size < 1024) return cat(bytes, " B");
  for (const char* unit : {" KiB", " MiB"}) {
    size /= 1024;
    if (size < 1024) return fixed(size, 1) + unit;
  }
  return fixed(size / 1024, 1) + " GiB";
}

std::string name_text(const eval::AdapterSweep& sweep) { return escaped(printable(sweep.name)); }

std::string label_text(const eval::Measure& measure) {
  std::string text;
  for (const char c : escaped(eval::label_of(measure))) {
    text += c;
    // exact_match,strict-match is long for a narrow column.
    if (c == ',' || c == '_') text += "<wbr/>";
  }
  return text;
}

}  // namespace matlora::report
