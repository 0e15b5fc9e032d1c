// report.html: which rank to take, and the areas.
#include <algorithm>
#include <numeric>

#include "matlora/base/error.h"
#include "matlora/eval/html_parts.h"
#include "matlora/eval/markup.h"

namespace matlora::eval {
namespace {

const RankScore* row_at(const AdapterSweep& sweep, int64_t rank) {
  for (const RankScore& row : sweep.rows) {
    if (row.rank == rank) return &row;
  }
  return nullptr;
}

std::optional<Metric> metric_at(const AdapterSweep& sweep, int64_t rank, const Measure& measure) {
  const RankScore* const row = row_at(sweep, rank);
  return row == nullptr ? std::nullopt : metric_of(*row, measure);
}

/// ", 1/4 of rank 16's": how much of the largest adapter that was scored it is.
std::string share_text(const AdapterSweep& sweep, const RankScore& row) {
  const RankScore* largest = &row;
  for (const RankScore& other : sweep.rows) {
    if (other.adapter_parameters > largest->adapter_parameters) largest = &other;
  }
  if (largest == &row || row.adapter_parameters == 0) return "";
  const int64_t common = std::gcd(row.adapter_parameters, largest->adapter_parameters);
  const int64_t part = row.adapter_parameters / common;
  const int64_t whole = largest->adapter_parameters / common;
  const std::string share =
      whole <= 128 ? cat(part, "/", whole)
                   : fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + "%";
  return cat(", ", share, " of rank ", largest->rank, "’s");
}

std::string sentence(const Report& report, const AdapterSweep& sweep, const Within& within) {
  const std::vector<Measure> by = main_measures(report);
  const std::string of = report.sweeps.size() > 1 ? " of " + name_text(sweep) : "";
  const bool any = std::any_of(sweep.rows.begin(), sweep.rows.end(),
                               [](const RankScore& row) { return row.rank > 0; });
  if (!any || by.empty()) return cat("Only the base model was scored", of, ".");
  const std::string where =
      by.size() == 1 ? escaped(label_of(by.front())) : cat("each of the ", by.size(), " measures");
  const int64_t rank = chosen_rank(report, sweep, within);
  if (rank == 0) {
    return cat("No rank", of, " is within ", escaped(within.text), " of the best in ", where,
               ": see below what each asks for.");
  }
  const RankScore& row = *row_at(sweep, rank);
  return cat("<b>Rank ", rank, "</b>", of, " is the smallest that is within ", escaped(within.text),
             " of the best in ", where, ": ", grouped(row.adapter_parameters), " parameters",
             share_text(sweep, row), ".");
}

std::string metric_cell(const std::optional<Metric>& metric) {
  return metric ? number_cell(metric->value, metric_text(*metric)) : missing_cell();
}

/// One measure of one sweep; "" without a rank above 0.
std::string choice_row(const Report& report, const AdapterSweep& sweep, const Measure& measure,
                       const Within& within) {
  const auto found = smallest_of(sweep, measure, within);
  if (!found) return "";
  const auto rank = [](int64_t value) {
    return number_cell(static_cast<double>(value), std::to_string(value));
  };
  std::string cells;
  if (report.sweeps.size() > 1) cells += element("td", "class=\"name\"", name_text(sweep));
  cells += element("th", "scope=\"row\"", escaped(label_of(measure))) + rank(found->rank) +
           metric_cell(metric_at(sweep, found->rank, measure)) + rank(found->best_rank) +
           metric_cell(metric_at(sweep, found->best_rank, measure)) +
           metric_cell(metric_at(sweep, 0, measure));
  return element("tr", "", cells) + "\n";
}

/// Says so where no rank of a sweep is better than the base model.
std::string warnings(const Report& report, const Within& within) {
  std::string text;
  for (const AdapterSweep& sweep : report.sweeps) {
    for (const Measure& measure : main_measures(report)) {
      const auto base = metric_at(sweep, 0, measure);
      const auto found = smallest_of(sweep, measure, within);
      if (!base || !found || base->value < found->best) continue;
      text += element("p", "class=\"wrong\"",
                      cat("No rank of ", name_text(sweep), " is better than the base model in ",
                          escaped(label_of(measure)), ".")) +
              "\n";
    }
  }
  return text;
}

std::string area_rows(const Report& report, const AdapterSweep& sweep, const std::string& note,
                      bool named) {
  std::string rows;
  for (const Measure& measure : measures(report, /*parts=*/false)) {
    const auto found = area_of(sweep, measure);
    if (!found) continue;
    std::string cells = named ? element("td", "class=\"name\"", name_text(sweep) + note) : "";
    cells += element("th", "scope=\"row\"", escaped(label_of(measure)));
    for (const double value : {found->v1, found->v2, found->avg}) {
      cells += number_cell(value, fixed(value, 4));
    }
    rows += element("tr", "", cells) + "\n";
  }
  return rows;
}

}  // namespace

int64_t chosen_rank(const Report& report, const AdapterSweep& sweep, const Within& within) {
  const std::vector<Measure> by = main_measures(report);
  const auto good = [&](const RankScore& row, const Measure& measure) {
    const auto metric = metric_of(row, measure);
    const auto found = smallest_of(sweep, measure, within);
    return metric && found && is_within(metric->value, found->best, within);
  };
  int64_t chosen = 0;
  for (const RankScore& row : sweep.rows) {
    const bool all = !by.empty() && std::all_of(by.begin(), by.end(), [&](const Measure& measure) {
      return good(row, measure);
    });
    if (row.rank > 0 && all && (chosen == 0 || row.rank < chosen)) chosen = row.rank;
  }
  return chosen;
}

std::string choice_section(const Report& report, const Within& within) {
  std::string text, rows;
  for (const AdapterSweep& sweep : report.sweeps) {
    text += element("p", "class=\"lead\"", sentence(report, sweep, within)) + "\n";
    for (const Measure& measure : main_measures(report)) {
      rows += choice_row(report, sweep, measure, within);
    }
  }
  text += warnings(report, within);
  if (!rows.empty()) {
    const std::string head =
        cat(report.sweeps.size() > 1 ? head_cell("adapter", "") : "", head_cell("measure", ""),
            head_cell(cat("smallest rank within ", within.text)), head_cell("its value"),
            head_cell("best rank"), head_cell("its value"), head_cell("base model"));
    text += table_box("class=\"sortable\"", head, rows);
  }
  return cat("<section>\n<h2>Which rank</h2>\n", text, "</section>\n");
}

std::string areas_section(const Report& report, const std::vector<AdapterSweep>& earlier) {
  const bool named = report.sweeps.size() + earlier.size() > 1;
  std::string rows;
  for (const AdapterSweep& sweep : report.sweeps) rows += area_rows(report, sweep, "", named);
  for (const AdapterSweep& sweep : earlier) {
    rows += area_rows(report, sweep, " (an earlier sweep)", named);
  }
  if (rows.empty()) return "";
  const std::string head = cat(named ? head_cell("adapter", "") : "", head_cell("measure", ""),
                               head_cell("AURAC v1"), head_cell("AURAC v2"), head_cell("AVG"));
  return cat("<section>\n<h2>All ranks in one number</h2>\n<p class=\"note\">The mean height of ",
             "the curve above rank 0: AURAC v1 over rank, v2 over log2 of the rank, AVG of the ",
             "points.</p>\n", table_box("class=\"sortable\"", head, rows), "</section>\n");
}

}  // namespace matlora::eval
