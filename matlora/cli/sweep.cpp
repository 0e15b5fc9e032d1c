// matlora sweep: how good an adapter is at every rank, and several compared.
#include "matlora/eval/sweep.h"

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/interrupt.h"
#include "matlora/base/output.h"
#include "matlora/base/progress.h"
#include "matlora/cli/command.h"
#include "matlora/cli/evaluation.h"
#include "matlora/cli/flag_names.h"
#include "matlora/cli/sweep_budget.h"
#include "matlora/cli/sweep_flags.h"
#include "matlora/cli/terminal.h"
#include "matlora/nn/block_memory.h"
#include "matlora/report/report.h"

namespace matlora::cli {
namespace {

/// Of freed tensors, for the next ones: about what a layer makes of a pass.
constexpr size_t kWaitingBytes = 64 << 20;

/// What one --adapter adds; without one the base model alone.
struct Entry {
  std::string name, path;
  std::optional<adapter::Adapter> adapter;
  eval::SweepOptions options;
  int64_t stands_for = 0;   // of --budget: the rank whose size the adapter has at its full rank
  std::string budget = {};  // AdapterSweep::budget
  std::string rank_pattern = {};

  std::vector<int64_t> shown_ranks() const {
    return stands_for > 0 ? std::vector{stands_for} : options.ranks;
  }
};

/// Told the report after every rank that is done.
using WhenChanged = std::function<void(const eval::Report&)>;

class SweepCommand : public Command {
 public:
  std::string name() const override { return "sweep"; }
  std::string summary() const override { return "show how good every rank of an adapter is"; }
  std::string example() const override {
    return "matlora sweep --model SmolLM2.gguf --adapter out --data test.jsonl --output sweep\n"
           "  matlora sweep --model SmolLM2.gguf --adapter nested=out --adapter plain=lora@16 "
           "--task gsm8k,arc_easy --task-data tasks --output sweep";
  }
  void add_options(CLI::App& app) override { flags_.add_options(app); }
  int run(const Common& common, CLI::App& app) override;

 private:
  std::vector<Entry> open_entries(model::Model& base, bool quiet) const;
  void add_budgets(const model::Model& base, bool quiet, std::vector<Entry>& entries) const;
  eval::SweepOptions options_for(const adapter::Adapter* adapter, const AdapterFlag* flag,
                                 bool quiet) const;
  eval::SweepEnding sweep_all(const nn::Decoder& model, const std::vector<Entry>& entries,
                              const eval::SweepWork& work, eval::Report& report,
                              const WhenChanged& when_changed) const;

  eval::SweepEnding sweep_and_keep(const nn::Decoder& base, const std::vector<Entry>& entries,
                                   const Evaluation& evaluation, eval::Report& report,
                                   const report::ReportOptions& reporting,
                                   OutputDirectory& output) const;

  SweepFlags flags_;
};

eval::SweepOptions SweepCommand::options_for(const adapter::Adapter* adapter,
                                             const AdapterFlag* flag, bool quiet) const {
  eval::SweepOptions options;
  const bool own = flag != nullptr && !flag->ranks.empty();
  options.ranks = own ? flag->ranks : flags_.ranks;
  if (adapter != nullptr && !flags_.pattern.pattern.empty()) {
    if (options.ranks.empty()) options.ranks = {0, adapter->rule.rank};
    options.by_layer = flags_.pattern.plan(*adapter, /*lowest=*/0).by_layer;
  }
  options.ranks = chosen_ranks(options.ranks, adapter);
  for (const int64_t rank : options.ranks) {
    if (adapter != nullptr) check_rank(rank, *adapter, own ? "--adapter" : "--ranks");
  }
  if (adapter != nullptr) {
    options.gate = flags_.inference_gate.empty()
                       ? adapter->inference_gate
                       : adapter::parse_inference_gate(flags_.inference_gate, "--inference-gate");
  }
  options.batch_size = flags_.evaluation.batch_size;
  options.samples = true;
  options.quiet = quiet;
  options.stop = [] { return interrupt_signal() != 0; };
  return options;
}

std::vector<Entry> SweepCommand::open_entries(model::Model& base, bool quiet) const {
  std::vector<Entry> entries;
  if (flags_.adapters.empty()) {
    entries.push_back({"base model", "", std::nullopt, options_for(nullptr, nullptr, quiet)});
    return entries;
  }
  for (const AdapterFlag& flag : flags_.adapters) {
    adapter::Adapter adapter = open_adapter_of(flag.path, base, flags_.any_base).adapter;
    const eval::SweepOptions options = options_for(&adapter, &flag, quiet);
    const std::string gate =
        flags_.inference_gate.empty() ? "" : ", " + flags_.inference_gate + " gate";
    entries.push_back({flag.name + gate, flag.path.string(), std::move(adapter), options});
    entries.back().rank_pattern = flags_.pattern.pattern.string();
    if (!flags_.budget.empty()) add_budgets(base, quiet, entries);
  }
  return entries;
}

/// For each rank of the last entry one of the same size with ranks per layer.
void SweepCommand::add_budgets(const model::Model& base, bool quiet,
                               std::vector<Entry>& entries) const {
  const Entry whole = entries.back();
  const int64_t max_length = flags_.evaluation.reading.max_length;
  for (WithinBudget& one : within_budgets(base, *whole.adapter, whole.options.gate,
                                          whole.options.ranks, flags_.budget, max_length, quiet)) {
    eval::SweepOptions options = whole.options;
    options.ranks = {one.adapter.rule.rank};
    options.gate = one.adapter.inference_gate;
    std::string command = budget_command(whole.path, flags_.model, flags_.budget, max_length);
    if (whole.options.gate != whole.adapter->inference_gate) {
      command += cat(" --inference-gate ", adapter::name(whole.options.gate));
    }
    entries.push_back({whole.name + ", ranks per layer", whole.path, std::move(one.adapter),
                       options, one.rank, command});
  }
}

/// A row and samples of an adapter in a rank's place are that rank's.
void relabel(eval::SweepResult& result, int64_t rank) {
  for (eval::RankScore& row : result.rows) row.rank = rank;
  for (eval::Sample& sample : result.samples) sample.rank = rank;
  for (eval::TaskSample& sample : result.task_samples) sample.rank = rank;
}

/// Puts what one entry found behind what others of its name did. Throws UserError for a rank that
/// is there twice.
void add_result(eval::SweepResult result, const Entry& entry, eval::Report& report) {
  if (entry.stands_for > 0) relabel(result, entry.stands_for);
  for (eval::RankScore& row : result.rows) row.adapter = row.rank > 0 ? entry.path : "";
  auto& sweeps = report.sweeps;
  auto found = std::find_if(sweeps.begin(), sweeps.end(), [&](const eval::AdapterSweep& sweep) {
    return sweep.name == entry.name;
  });
  if (found == sweeps.end()) {
    const bool gate_given = entry.adapter && entry.options.gate != entry.adapter->inference_gate;
    sweeps.push_back({entry.name,
                      entry.path,
                      adapter::name(entry.options.gate),
                      {},
                      {},
                      {},
                      gate_given,
                      entry.budget,
                      entry.rank_pattern});
    found = sweeps.end() - 1;
  }
  const auto append = [](auto& to, auto& from) {
    std::move(from.begin(), from.end(), std::back_inserter(to));
    std::stable_sort(to.begin(), to.end(),
                     [](const auto& a, const auto& b) { return a.rank < b.rank; });
  };
  append(found->rows, result.rows);
  append(found->samples, result.samples);
  append(found->task_samples, result.task_samples);
}

/// The part of a result that is of the base model.
eval::SweepResult base_part(const eval::SweepResult& result) {
  eval::SweepResult base;
  const auto take = [](const auto& from, auto& to) {
    std::copy_if(from.begin(), from.end(), std::back_inserter(to),
                 [](const auto& x) { return x.rank == 0; });
  };
  take(result.rows, base.rows);
  take(result.samples, base.samples);
  take(result.task_samples, base.task_samples);
  return base;
}

/// Rank 0 is the same for all and scored for the first one only.
eval::SweepEnding SweepCommand::sweep_all(const nn::Decoder& model,
                                          const std::vector<Entry>& entries,
                                          const eval::SweepWork& work, eval::Report& report,
                                          const WhenChanged& when_changed) const {
  std::optional<eval::SweepResult> base;
  for (const Entry& entry : entries) {
    eval::SweepOptions options = entry.options;
    const bool with_base = !options.ranks.empty() && options.ranks.front() == 0;
    if (with_base && base) {
      options.ranks.erase(options.ranks.begin());
      add_result(*base, entry, report);
    }
    if (options.ranks.empty()) continue;
    const eval::Report before = report;
    options.after_rank = [&](const eval::SweepResult& so_far) {
      report = before;
      add_result(so_far, entry, report);
      when_changed(report);
    };
    const eval::SweepResult result =
        eval::run_sweep(model, entry.adapter ? &*entry.adapter : nullptr, work, options);
    if (with_base && !base && !result.rows.empty()) base = base_part(result);
    if (!result.ending.whole()) return result.ending;
  }
  return {};
}

/// Two entries of one name that bring the same rank would be two points in one place.
void check_entries(const std::vector<Entry>& entries) {
  for (size_t i = 0; i < entries.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (entries[i].name != entries[j].name) continue;
      for (const int64_t rank : entries[i].shown_ranks()) {
        const std::vector<int64_t> others = entries[j].shown_ranks();
        if (std::find(others.begin(), others.end(), rank) == others.end()) continue;
        fail("--adapter", "two of the name '", printable(entries[i].name), "' at rank ", rank,
             "; give NAME=DIR, or other ranks with NAME=DIR@RANKS");
      }
    }
  }
}

int SweepCommand::run(const Common& common, CLI::App& app) {
  flags_.check(app);
  report::ReportOptions reporting = flags_.report_options();
  reporting.width = terminal_width();
  reporting.directory = flags_.output.string();
  nn::use_block_memory(kWaitingBytes);
  OutputDirectory output(flags_.output, {"sweep", report::report_files(), flags_.force});
  model::Model base =
      load_model(flags_.model, common,
                 flags_.budget.empty() ? model::Weights::on_demand : model::Weights::in_memory);
  std::vector<Entry> entries = open_entries(base, common.quiet);
  check_entries(entries);

  const Evaluation evaluation = read_evaluation(flags_.evaluation, base, common.quiet);
  eval::Report report = new_report(evaluation, flags_.evaluation, base, flags_.model);
  const eval::SweepEnding ending =
      sweep_and_keep(base.decoder, entries, evaluation, report, reporting, output);
  if (report.sweeps.empty() && ending.error) throw UserError(*ending.error);
  const int code = ending.stopped ? 128 + interrupt_signal() : 0;
  if (report.sweeps.empty()) {
    say(common.quiet, "interrupted before the first rank was done: nothing is written");
    return code;
  }
  std::cout << report::sweep_table(report, reporting) << std::flush;
  std::cout.clear();  // all of it is in the files
  say(common.quiet, cat(ending.stopped ? "interrupted; " : "", "wrote ", flags_.output.string()));
  if (ending.error) throw UserError(*ending.error);  // behind what was found before it
  return code;
}

/// What is done is on the disk after every rank; over an earlier result, when all is done or the
/// sweep is interrupted.
eval::SweepEnding SweepCommand::sweep_and_keep(const nn::Decoder& base,
                                               const std::vector<Entry>& entries,
                                               const Evaluation& evaluation, eval::Report& report,
                                               const report::ReportOptions& reporting,
                                               OutputDirectory& output) const {
  const LongRun long_run("stopping; the ranks that are done are kept; again to stop now");
  std::mutex writing;
  bool waiting = false;  // something is written that is not in place
  const auto commit = [&] {
    const std::lock_guard lock(writing);
    if (waiting) output.commit();
    waiting = false;
  };
  const LastWords words([&] {
    try {
      commit();
    } catch (const std::exception& error) {
      say(false, cat("error: ", shown(error)));
    }
  });
  const auto write = [&](const eval::Report& changed) {
    {
      const std::lock_guard lock(writing);
      report::write_report(output.path(), changed, reporting);
      waiting = true;
    }
    if (!output.replaces()) commit();
  };
  const eval::SweepEnding ending = sweep_all(base, entries, evaluation.work(), report, write);
  if (!report.sweeps.empty()) {
    write(report);
    commit();
  }
  return ending;
}

}  // namespace

std::unique_ptr<Command> make_sweep() { return std::make_unique<SweepCommand>(); }

}  // namespace matlora::cli
