#include "matlora/eval/decision.h"

#include <algorithm>
#include <iterator>
#include <type_traits>

namespace matlora::eval {
namespace {

constexpr double kRounding = 1e-12;

Against against(const std::optional<Difference>& over_base) {
  if (!over_base) return Against::unknown;
  if (!is_clear(*over_base)) return Against::alike;
  return over_base->value > 0 ? Against::better : Against::worse;
}

bool beats(const RankFacts& rank) {
  return rank.against == Against::better || rank.against == Against::unknown;
}

/// Of the ranks that beat the base where one does; of equal ones the smallest.
int64_t best_of(const MeasureFacts& facts) {
  const RankFacts* best = nullptr;
  for (const RankFacts& rank : facts.ranks) {
    if (facts.improves && !beats(rank)) continue;
    if (best == nullptr || rank.metric.value > best->metric.value) best = &rank;
  }
  return best->rank;
}

bool has_base(const AdapterSweep& sweep) {
  return std::any_of(sweep.rows.begin(), sweep.rows.end(),
                     [](const RankScore& row) { return row.rank == 0; });
}

/// The sweep, with the base model's scores of another sweep where it has none: all of a
/// report are of one model and the same documents.
AdapterSweep with_base(const Report& report, const AdapterSweep& sweep) {
  AdapterSweep result = sweep;
  const auto donor = std::find_if(report.sweeps.begin(), report.sweeps.end(), has_base);
  if (has_base(sweep) || donor == report.sweeps.end()) return result;
  const auto add = [](const auto& from, auto& to) {
    std::remove_reference_t<decltype(to)> base;
    std::copy_if(from.begin(), from.end(), std::back_inserter(base),
                 [](const auto& one) { return one.rank == 0; });
    to.insert(to.begin(), base.begin(), base.end());
  };
  add(donor->rows, result.rows);
  add(donor->samples, result.samples);
  add(donor->task_samples, result.task_samples);
  return result;
}

MeasureFacts facts_of(const Report& report, const AdapterSweep& sweep, const Measure& measure) {
  const Comparison comparison(report, sweep, measure);
  MeasureFacts facts;
  facts.measure = measure;
  for (const RankScore& row : sweep.rows) {
    const auto metric = metric_of(row, measure);
    if (!metric) continue;
    if (row.rank == 0) {
      facts.base = metric;
      continue;
    }
    RankFacts rank{row.rank, *metric, comparison.difference(row.rank, 0), {}, Against::unknown};
    rank.against = against(rank.over_base);
    facts.improves = facts.improves || beats(rank);
    facts.ranks.push_back(std::move(rank));
  }
  if (facts.ranks.empty()) return facts;
  facts.best_rank = best_of(facts);
  for (RankFacts& rank : facts.ranks) {
    rank.below_best = comparison.difference(facts.best_rank, rank.rank).value_or(Difference{});
  }
  return facts;
}

}  // namespace

const RankFacts* MeasureFacts::at(int64_t rank) const {
  const auto found = std::find_if(ranks.begin(), ranks.end(),
                                  [&](const RankFacts& one) { return one.rank == rank; });
  return found == ranks.end() ? nullptr : &*found;
}

std::vector<MeasureFacts> facts_of(const Report& report, const AdapterSweep& one) {
  const AdapterSweep sweep = with_base(report, one);
  std::vector<MeasureFacts> all;
  for (const Measure& measure : main_measures(report)) {
    MeasureFacts facts = facts_of(report, sweep, measure);
    if (!facts.ranks.empty()) all.push_back(std::move(facts));
  }
  return all;
}

double tolerance_of(const MeasureFacts& facts, const Within& within) {
  const double best = facts.at(facts.best_rank)->metric.value;
  return std::max(0.0, within.relative ? best * within.amount : within.amount);
}

bool is_good(const MeasureFacts& facts, const RankFacts& rank, const Within& within) {
  if (!beats(rank)) return false;
  const double near =
      std::max(tolerance_of(facts, within), rank.below_best.standard_error.value_or(0));
  return rank.below_best.value <= near + kRounding;
}

int64_t rank_by(const MeasureFacts& facts, const Within& within) {
  for (const RankFacts& rank : facts.ranks) {
    if (is_good(facts, rank, within)) return rank.rank;
  }
  return 0;
}

std::optional<Undecided> undecided(const MeasureFacts& facts, const Within& within) {
  const int64_t rank = rank_by(facts, within);
  const RankFacts& taken = *facts.at(rank > 0 ? rank : facts.best_rank);
  if (rank == 0 && (!taken.over_base || taken.against != Against::alike)) return std::nullopt;
  const Difference& difference = rank > 0 ? taken.below_best : *taken.over_base;
  const double tolerance = tolerance_of(facts, within);
  if (difference.documents == 0 || is_clear(difference)) return std::nullopt;
  if (difference.value <= (rank > 0 ? tolerance : 0) + kRounding) return std::nullopt;
  const double visible = std::max(difference.value, tolerance);
  return Undecided{rank, facts.best_rank, difference.documents,
                   documents_needed(difference, visible)};
}

Choice choose(const std::vector<MeasureFacts>& facts, const Within& within) {
  Choice choice;
  std::vector<int64_t> ranks;
  for (const MeasureFacts& one : facts) {
    choice.improved += one.improves;
    for (const RankFacts& rank : one.ranks) ranks.push_back(rank.rank);
  }
  std::sort(ranks.begin(), ranks.end());
  for (const int64_t rank : ranks) {
    size_t good = 0;
    for (const MeasureFacts& one : facts) {
      const RankFacts* const found = one.at(rank);
      good += found != nullptr && is_good(one, *found, within);
    }
    if (good > choice.good) choice.rank = rank, choice.good = good;
  }
  for (const MeasureFacts& one : facts) {
    const RankFacts* const found = one.at(choice.rank);
    if (found == nullptr) continue;
    if (found->against == Against::better) choice.better.push_back(label_of(one.measure));
    if (found->against == Against::worse) choice.worse.push_back(label_of(one.measure));
  }
  return choice;
}

}  // namespace matlora::eval
