// report.html: which rank to take.
#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/report/decision_text.h"
#include "matlora/report/html_parts.h"
#include "matlora/report/markup.h"

namespace matlora::report {
namespace {

/// Shares of the best value, or differences from it.
const char* const kShares[] = {"0%", "0.1%", "0.2%", "0.5%", "1%", "2%", "5%", "10%", "20%"};
const char* const kDifferences[] = {"0",    "0.001", "0.002", "0.005", "0.01",
                                    "0.02", "0.05",  "0.1",   "0.2"};

const char* const kNote =
    "<p class=\"note\">By each measure: the smallest rank that is better than the base model and "
    "near enough to the best. Green: better than the base by more than one standard error of the "
    "difference, document by document; by chance alone that happens in one comparison of six. "
    "A rank less than one such error below the best counts as "
    "near enough, because these documents cannot tell the two apart.</p>\n";

/// The verdict is bold; the rest is why.
std::string lead(const Headline& said, bool none) {
  return element("p", none ? "class=\"lead none\"" : "class=\"lead\"",
                 element("b", "", escaped(said.verdict)) + escaped(said.rest)) +
         "\n";
}

std::string lines_of(const eval::Report& report, const PageChoices& choices,
                     const eval::Within& within) {
  std::string text;
  for (size_t i = 0; i < report.sweeps.size(); ++i) {
    const std::vector<eval::MeasureFacts>& facts = choices.facts[i];
    const bool none = facts.empty() || eval::choose(facts, within).rank == 0;
    text += lead(headline(report, report.sweeps[i], facts, within), none);
    const std::string open = undecided_text(facts, within);
    if (!open.empty()) text += element("p", "class=\"note\"", escaped(open)) + "\n";
  }
  return text;
}

/// "base +0.0100 ± 0.0040"
std::string over_base_text(const eval::RankFacts& rank) {
  if (!rank.over_base) return "";
  const auto& error = rank.over_base->standard_error;
  return cat("base ", rank.over_base->value < 0 ? "−" : "+",
             fixed(std::abs(rank.over_base->value), 4), error ? " ± " + fixed(*error, 4) : "");
}

std::string line_of(const std::string& text, const char* style = "") {
  return text.empty() ? "" : element("span", style, escaped(text));
}

/// A cell: the rank to take by one measure, or none; coloured by how it compares with the base.
std::string matrix_cell(const eval::MeasureFacts& facts, const eval::Within& within) {
  const int64_t rank = eval::rank_by(facts, within);
  const eval::RankFacts& shown = *facts.at(rank > 0 ? rank : facts.best_rank);
  const char* style = "alike";
  if (shown.against == eval::Against::better) style = "better";
  if (shown.against == eval::Against::worse) style = "worse";
  const std::string verdict = rank > 0                                ? cat("rank ", rank)
                              : shown.against == eval::Against::worse ? "none: worse"
                                                                      : "none";
  const std::string of = rank > 0 ? "" : cat("rank ", shown.rank, ": ");
  return cat("<td class=\"", style, "\">", element("b", "", verdict),
             line_of(of + metric_text(shown.metric)), line_of(over_base_text(shown)),
             line_of(undecided_note(facts, within), "class=\"why\""), "</td>");
}

/// Measures down, adapters across: that way it fits a phone best.
std::string matrix(const eval::Report& report, const PageChoices& choices,
                   const eval::Within& within) {
  std::string head = head_cell("measure", ""), rows;
  for (const eval::AdapterSweep& sweep : report.sweeps) head += head_cell(name_text(sweep), "name");
  for (const eval::Measure& measure : eval::main_measures(report)) {
    std::string cells = element("th", "scope=\"row\"", label_text(measure));
    bool any = false;
    for (const std::vector<eval::MeasureFacts>& facts : choices.facts) {
      const auto found =
          std::find_if(facts.begin(), facts.end(),
                       [&](const eval::MeasureFacts& one) { return one.measure == measure; });
      any = any || found != facts.end();
      cells += found == facts.end() ? missing_cell() : matrix_cell(*found, within);
    }
    if (any) rows += element("tr", "", cells) + "\n";
  }
  return rows.empty() ? "" : table_box("class=\"matrix\"", head, rows);
}

std::string commands(const eval::Report& report, const PageChoices& choices,
                     const eval::Within& within) {
  std::string text;
  for (size_t i = 0; i < report.sweeps.size(); ++i) {
    const int64_t rank = eval::choose(choices.facts[i], within).rank;
    if (rank == 0 || report.sweeps[i].adapter.empty()) continue;
    text += element("code", "class=\"command\"",
                    escaped(shown_path(take_command(report.sweeps[i], rank)))) +
            "\n";
  }
  if (text.empty()) return "";
  return cat("<div class=\"commands\">\n<p class=\"note\">To cut it out of the adapter:</p>\n",
             text, "</div>\n");
}

/// Hidden without JavaScript, which it needs.
std::string slider(const PageChoices& choices) {
  return cat("<p class=\"within\" hidden=\"hidden\"><label>Near enough is within ",
             "<input type=\"range\" min=\"0\" max=\"", choices.stops.size() - 1, "\" value=\"",
             choices.shown, "\"/> <output>", escaped(choices.stops[choices.shown].text),
             "</output> of the best</label></p>\n");
}

}  // namespace

PageChoices page_choices(const eval::Report& report, const eval::Within& within) {
  PageChoices choices;
  for (const char* text : within.relative ? kShares : kDifferences) {
    eval::Within stop = eval::parse_within(text, "stop");
    if (stop.amount != within.amount) choices.stops.push_back(std::move(stop));
  }
  const auto place =
      std::find_if(choices.stops.begin(), choices.stops.end(),
                   [&](const eval::Within& stop) { return stop.amount > within.amount; });
  choices.shown = static_cast<size_t>(place - choices.stops.begin());
  choices.stops.insert(place, within);
  for (const eval::AdapterSweep& sweep : report.sweeps) {
    choices.facts.push_back(eval::facts_of(report, sweep));
  }
  return choices;
}

std::string choice_section(const eval::Report& report, const PageChoices& choices) {
  const bool any = std::any_of(choices.facts.begin(), choices.facts.end(),
                               [](const auto& facts) { return !facts.empty(); });
  std::string text;
  for (size_t i = 0; i < choices.stops.size(); ++i) {
    const eval::Within& within = choices.stops[i];
    if (!any && i != choices.shown) continue;
    text += cat("<div class=\"choice\" data-within=\"", escaped(within.text), "\"",
                i == choices.shown ? "" : " hidden=\"hidden\"", ">\n",
                lines_of(report, choices, within), matrix(report, choices, within),
                any ? kNote : "", commands(report, choices, within), "</div>\n");
  }
  return cat("<section>\n<h2>Which rank</h2>\n", any ? slider(choices) : "", text, "</section>\n");
}

}  // namespace matlora::report
