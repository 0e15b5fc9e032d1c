// The sections of report.html: each gives markup, "" when there is nothing to show.
#pragma once

#include <string>
#include <vector>

#include "matlora/eval/measures.h"
#include "matlora/eval/report.h"

namespace matlora::eval {

/// The CSS and JavaScript of the page; neither has a < or an & in it.
const char* page_style();
const char* page_script();

/// Which rank to take: a sentence for every sweep, and what it rests on.
std::string choice_section(const Report& report, const Within& within);

/// The smallest rank that is within `within` of the best in each of the main measures, 0 where
/// there is none.
int64_t chosen_rank(const Report& report, const AdapterSweep& sweep, const Within& within);

/// All ranks of all sweeps; the chosen ones stand out.
std::string ranks_section(const Report& report, const Within& within);

/// AURAC of every sweep, earlier ones too, and measure.
std::string areas_section(const Report& report, const std::vector<AdapterSweep>& earlier);

/// What became of the report's items at every rank.
std::string answers_section(const Report& report);

/// How all of this was run, and a line to cite.
std::string protocol_section(const Report& report);

/// A table in a box that scrolls. `head` and `rows`: <th>s and whole <tr>s.
std::string table_box(const std::string& attributes, const std::string& head,
                      const std::string& rows);

/// <th scope="col">; `style`: of a column of text "".
std::string head_cell(const std::string& text, const std::string& style = "number");

/// A number that tables are sorted by, shown as `text`; `attributes` may be "".
std::string number_cell(double value, const std::string& text, const std::string& style = "");

/// Where there is no number.
std::string missing_cell();

/// "0.4120 ± 0.0110"
std::string metric_text(const Metric& metric);

/// "96.0 KiB", "0 B"
std::string bytes_text(int64_t bytes);

/// A sweep's name, escaped.
std::string name_text(const AdapterSweep& sweep);

}  // namespace matlora::eval
