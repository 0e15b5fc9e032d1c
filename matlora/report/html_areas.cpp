// report.html: the areas under the curves.
#include <algorithm>
#include <set>

#include "matlora/base/error.h"
#include "matlora/report/html_parts.h"
#include "matlora/report/markup.h"

namespace matlora::report {
namespace {

/// A sweep of the report, or an earlier one.
struct Entry {
  const eval::AdapterSweep* sweep;
  bool earlier;
};

double eval::Aurac::*const kAreas[] = {&eval::Aurac::v1, &eval::Aurac::v2, &eval::Aurac::avg};

std::set<int64_t> ranks_of(const eval::AdapterSweep& sweep, const eval::Measure& measure) {
  std::set<int64_t> ranks;
  for (const eval::RankAccuracy& point : eval::points_of(sweep, measure)) {
    if (point.rank > 0) ranks.insert(point.rank);
  }
  return ranks;
}

/// Whether all that have the measure have it at the same ranks: areas over others say nothing about
/// each other.
bool comparable(const std::vector<Entry>& entries, const eval::Measure& measure) {
  std::set<std::set<int64_t>> all;
  for (const Entry& entry : entries) {
    const std::set<int64_t> ranks = ranks_of(*entry.sweep, measure);
    if (!ranks.empty()) all.insert(ranks);
  }
  return all.size() < 2;
}

std::string area_rows(const std::vector<Entry>& entries, const eval::Measure& measure) {
  const bool named = entries.size() > 1;
  const bool marked = named && comparable(entries, measure);
  std::string rows;
  for (const Entry& entry : entries) {
    const auto found = eval::area_of(*entry.sweep, measure);
    if (!found) continue;
    std::string who = label_text(measure);
    if (named) {
      who += element("span", "class=\"of\"",
                     name_text(*entry.sweep) + (entry.earlier ? " (an earlier sweep)" : ""));
    }
    std::string cells = element("th", "scope=\"row\"", who);
    for (const auto area : kAreas) {
      const bool best = marked && std::all_of(entries.begin(), entries.end(), [&](const Entry& e) {
                          const auto other = eval::area_of(*e.sweep, measure);
                          return !other || (*other).*area <= (*found).*area;
                        });
      const double value = (*found).*area;
      cells += number_cell(value, fixed(value, 4) + (best ? " ★" : ""), best ? "best" : "");
    }
    rows += element("tr", "", cells) + "\n";
  }
  return rows;
}

}  // namespace

std::string areas_section(const eval::Report& report,
                          const std::vector<eval::AdapterSweep>& earlier) {
  std::vector<Entry> entries;
  for (const eval::AdapterSweep& sweep : report.sweeps) entries.push_back({&sweep, false});
  for (const eval::AdapterSweep& sweep : earlier) entries.push_back({&sweep, true});
  std::string rows;
  bool same_ranks = true;
  for (const eval::Measure& measure : eval::measures(report, /*parts=*/false)) {
    rows += area_rows(entries, measure);
    same_ranks = same_ranks && comparable(entries, measure);
  }
  if (rows.empty()) return "";
  const std::string head =
      cat(head_cell("measure", ""), head_cell("AURAC v1"), head_cell("AURAC v2"), head_cell("AVG"));
  const char* const marks = entries.size() < 2 ? ""
                            : same_ranks       ? " ★: the best adapter by this number."
                                               : " The adapters were not all scored at the same "
                                                 "ranks: such areas cannot be compared, and no "
                                                 "best one is marked.";
  return cat(
      "<section>\n<h2>All ranks in one number</h2>\n<p class=\"note\">The mean of a measure ",
      "over the ranks above 0; the base model is no part of it. Compare adapters by AURAC ",
      "v2, the mean over log2 of the rank, where every doubling of the rank counts alike; ",
      "by v1, the mean over the rank, where large ranks are what will be used; by AVG, the ",
      "mean of the scored points, only where these are the ranks that will be used.", marks,
      "</p>\n", table_box("class=\"sortable\"", head, rows), "</section>\n");
}

}  // namespace matlora::report
