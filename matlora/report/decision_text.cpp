#include "matlora/report/decision_text.h"

#include <algorithm>
#include <numeric>

#include "matlora/base/error.h"
#include "matlora/base/shell.h"
#include "matlora/report/markup.h"

namespace matlora::report {
namespace {

const eval::RankScore* row_at(const eval::AdapterSweep& sweep, int64_t rank) {
  for (const eval::RankScore& row : sweep.rows) {
    if (row.rank == rank) return &row;
  }
  return nullptr;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

/// "200 parameters, 1/4 of rank 16's": how much of the largest adapter that was scored it is.
std::string size_text(const eval::AdapterSweep& sweep, const eval::RankScore& row) {
  const eval::RankScore* largest = &row;
  for (const eval::RankScore& other : sweep.rows) {
    if (other.adapter_parameters > largest->adapter_parameters) largest = &other;
  }
  std::string text = grouped(row.adapter_parameters) + " parameters";
  if (largest == &row || row.adapter_parameters == 0) return text;
  const int64_t common = std::gcd(row.adapter_parameters, largest->adapter_parameters);
  const int64_t part = row.adapter_parameters / common;
  const int64_t whole = largest->adapter_parameters / common;
  const std::string share =
      whole <= 128 ? cat(part, "/", whole)
                   : fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + "%";
  return cat(text, ", ", share, " of rank ", largest->rank, "’s");
}

/// Where the taken rank is as good as the best.
std::string where_text(const std::vector<eval::MeasureFacts>& facts, const eval::Choice& choice) {
  if (facts.size() == 1) return eval::label_of(facts.front().measure);
  const bool everywhere = choice.good == choice.improved;
  if (choice.improved == facts.size()) {
    return everywhere ? cat("all ", facts.size(), " measures")
                      : cat(choice.good, " of ", facts.size(), " measures");
  }
  if (choice.improved == 1) {
    const auto one = std::find_if(facts.begin(), facts.end(),
                                  [](const eval::MeasureFacts& facts_) { return facts_.improves; });
    return cat(eval::label_of(one->measure), ", the one of ", facts.size(),
               " measures that the adapter improves");
  }
  return cat(everywhere ? "all " : cat(choice.good, " of the "), choice.improved,
             " measures that the adapter improves");
}

/// "; it is better than the base model in 5 of 8 measures and worse in 1 (boolq acc)"
std::string base_text(const std::vector<eval::MeasureFacts>& facts, const eval::Choice& choice) {
  const bool known = std::any_of(facts.begin(), facts.end(), [](const eval::MeasureFacts& one) {
    return one.base.has_value();
  });
  if (!known) return "; the base model was not scored";
  if (facts.size() == 1) return "; it is better than the base model";
  std::string text =
      cat("; it is better than the base model in ", choice.better.size(), " of ", facts.size());
  if (choice.worse.empty()) return text;
  return cat(text, " and worse in ", choice.worse.size(), " (", joined(choice.worse), ")");
}

std::string enough_text(const eval::Undecided& found) {
  return found.needed ? cat("; about ", grouped(*found.needed), " would do") : std::string();
}

}  // namespace

const char* documents_of(const eval::Measure& measure) {
  return measure.task.empty() ? "examples" : "documents";
}

Headline headline(const eval::Report& report, const eval::AdapterSweep& sweep,
                  const std::vector<eval::MeasureFacts>& facts, const eval::Within& within) {
  const std::string of = report.sweeps.size() > 1 ? " of " + printable(sweep.name) : "";
  if (facts.empty()) return {"Only the base model was scored", of + "."};
  const eval::Choice choice = eval::choose(facts, within);
  if (choice.rank == 0) {
    const std::string where = facts.size() == 1 ? eval::label_of(facts.front().measure)
                                                : cat("any of the ", facts.size(), " measures");
    return {"Take none", cat(of, ": no rank is better than the base model by more than its error ",
                             "in ", where, ".")};
  }
  const eval::RankScore* const row = row_at(sweep, choice.rank);
  return {cat("Take rank ", choice.rank),
          cat(of, " (", size_text(sweep, *row), "): the smallest within ", within.text,
              " or one standard error of the best in ", where_text(facts, choice),
              base_text(facts, choice), ".")};
}

std::string undecided_text(const std::vector<eval::MeasureFacts>& facts,
                           const eval::Within& within) {
  const eval::MeasureFacts* most = nullptr;
  eval::Undecided found;
  size_t others = 0;
  for (const eval::MeasureFacts& one : facts) {
    const auto here = eval::undecided(one, within);
    if (!here) continue;
    if (most != nullptr) ++others;
    if (most == nullptr || here->needed.value_or(0) > found.needed.value_or(0)) {
      most = &one, found = *here;
    }
  }
  if (most == nullptr) return "";
  const std::string ranks =
      found.rank == 0
          ? cat("Rank ", found.other, " cannot be told from the base model in ")
          : cat("Ranks ", found.rank, " and ", found.other, " cannot be told apart in ");
  std::string text = cat(ranks, eval::label_of(most->measure), " with ", grouped(found.documents),
                         " ", documents_of(most->measure), enough_text(found));
  if (others > 0) {
    text += cat("; nor in ", others, others == 1 ? " other measure" : " other measures");
  }
  return text + ".";
}

std::string undecided_note(const eval::MeasureFacts& facts, const eval::Within& within) {
  const auto found = eval::undecided(facts, within);
  if (!found) return "";
  std::string text =
      cat(found->rank == 0 ? cat("rank ", found->other, " ≈ base") : cat("≈ rank ", found->other),
          " with ", grouped(found->documents), " ", documents_of(facts.measure));
  if (found->needed) text += cat(", about ", grouped(*found->needed), " would tell");
  return text;
}

std::string take_command(const eval::AdapterSweep& sweep, int64_t rank) {
  const eval::RankScore* const row = row_at(sweep, rank);
  std::string path = row != nullptr && !row->adapter.empty() ? row->adapter : sweep.adapter;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path.starts_with('-')) path = "./" + path;  // no option
  if (!sweep.budget.empty() && row != nullptr) {
    return cat(sweep.budget, " --parameters ", row->adapter_parameters, " --output ",
               shell_word(cat(path, "-p", row->adapter_parameters)));
  }
  return cat("matlora slice --adapter ", shell_word(path), " --rank ", rank, " --output ",
             shell_word(cat(path, "-r", rank)),
             sweep.rank_pattern.empty() ? std::string()
                                        : cat(" --rank-pattern ", shell_word(sweep.rank_pattern)),
             sweep.gate_given ? cat(" --inference-gate ", sweep.inference_gate) : std::string());
}

}  // namespace matlora::report
