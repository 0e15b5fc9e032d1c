// The sections of report.html: each gives markup, "" when there is nothing to show.
#pragma once

#include <string>
#include <vector>

#include "matlora/eval/decision.h"
#include "matlora/eval/measures.h"
#include "matlora/report/report.h"

namespace matlora::report {

/// What the page can be asked for: how near to the best is near enough. Every answer is on it.
struct PageChoices {
  std::vector<eval::Within> stops;                     // from the strictest to the laxest
  size_t shown = 0;                                    // the stop that is shown at first
  std::vector<std::vector<eval::MeasureFacts>> facts;  // of each sweep
};
PageChoices page_choices(const eval::Report& report, const eval::Within& within);

/// Which rank to take: for every sweep a sentence and the command that cuts it, and a matrix of the
/// ranks by adapter and measure.
std::string choice_section(const eval::Report& report, const PageChoices& choices);

/// All ranks of all sweeps; the chosen ones are marked.
std::string ranks_section(const eval::Report& report, const PageChoices& choices);

/// AURAC of every sweep, earlier ones too, and measure; the best adapter of each is marked.
std::string areas_section(const eval::Report& report,
                          const std::vector<eval::AdapterSweep>& earlier);

/// What became of the report's items at every rank.
std::string answers_section(const eval::Report& report);

/// How all of this was run, and a line to cite.
std::string protocol_section(const eval::Report& report);

/// A table in a box that scrolls. `head` and `rows`: <th>s and whole <tr>s.
std::string table_box(const std::string& attributes, const std::string& head,
                      const std::string& rows);

/// <th scope="col"> with markup in it; `style`: of a column of text "".
std::string head_cell(const std::string& content, const std::string& style = "number");

/// A number that tables are sorted by, shown as `text`; `style` may be "".
std::string number_cell(double value, const std::string& text, const std::string& style = "");

/// Where there is no number.
std::string missing_cell();

/// "0.4120 ± 0.0110"
std::string metric_text(const eval::Metric& metric);

/// "96.0 KiB", "0 B"
std::string bytes_text(int64_t bytes);

/// A sweep's name and a measure's label, escaped.
std::string name_text(const eval::AdapterSweep& sweep);
std::string label_text(const eval::Measure& measure);

}  // namespace matlora::report
