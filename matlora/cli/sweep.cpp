// matlora sweep: how good an adapter is at every rank, and several beside each other.
#include "matlora/eval/sweep.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/interrupt.h"
#include "matlora/base/progress.h"
#include "matlora/cli/command.h"
#include "matlora/cli/evaluation.h"
#include "matlora/cli/sweep_flags.h"
#include "matlora/cli/terminal.h"
#include "matlora/eval/report.h"
#include "matlora/nn/block_memory.h"

namespace matlora::cli {
namespace {

/// Of freed tensors, for the next ones: about what a layer makes of a pass.
constexpr size_t kWaitingBytes = 64 << 20;

/// What one --adapter adds, on the model; without one the base model alone.
struct Entry {
  std::string name, path;
  nn::Llama llama;
  std::optional<adapter::Adapter> adapter;
  eval::SweepOptions options;
};

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
  eval::SweepOptions options_for(const adapter::Adapter* adapter, const AdapterFlag* flag,
                                 bool quiet) const;
  eval::SweepEnding sweep_all(std::vector<Entry>& entries, const eval::SweepWork& work,
                              eval::Report& report) const;

  SweepFlags flags_;
};

eval::SweepOptions SweepCommand::options_for(const adapter::Adapter* adapter,
                                             const AdapterFlag* flag, bool quiet) const {
  eval::SweepOptions options;
  const bool own = flag != nullptr && !flag->ranks.empty();
  options.ranks = chosen_ranks(own ? flag->ranks : flags_.ranks, adapter);
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
    entries.push_back(
        {"base model", "", base.llama, std::nullopt, options_for(nullptr, nullptr, quiet)});
    return entries;
  }
  const nn::Llama plain = base.llama;
  for (const AdapterFlag& flag : flags_.adapters) {
    base.llama = plain;
    adapter::Adapter adapter = attach_adapter(flag.path, base, flags_.any_base).adapter;
    const eval::SweepOptions options = options_for(&adapter, &flag, quiet);
    const std::string gate =
        flags_.inference_gate.empty() ? "" : ", " + flags_.inference_gate + " gate";
    entries.push_back(
        {flag.name + gate, flag.path.string(), base.llama, std::move(adapter), options});
  }
  base.llama = plain;
  return entries;
}

/// Puts what one entry found behind what others of its name did. Throws UserError for a rank that
/// is there twice.
void add_result(eval::SweepResult result, const Entry& entry, eval::Report& report) {
  for (eval::RankScore& row : result.rows) row.adapter = row.rank > 0 ? entry.path : "";
  auto& sweeps = report.sweeps;
  auto found = std::find_if(sweeps.begin(), sweeps.end(), [&](const eval::AdapterSweep& sweep) {
    return sweep.name == entry.name;
  });
  if (found == sweeps.end()) {
    const bool gate_given = entry.adapter && entry.options.gate != entry.adapter->inference_gate;
    sweeps.push_back(
        {entry.name, entry.path, adapter::name(entry.options.gate), {}, {}, {}, gate_given});
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

/// Rank 0 is the same for all and scored for the first one only.
eval::SweepEnding SweepCommand::sweep_all(std::vector<Entry>& entries, const eval::SweepWork& work,
                                          eval::Report& report) const {
  std::optional<eval::SweepResult> base;
  for (Entry& entry : entries) {
    eval::SweepOptions options = entry.options;
    const bool with_base = !options.ranks.empty() && options.ranks.front() == 0;
    if (with_base && base) options.ranks.erase(options.ranks.begin());
    eval::SweepResult result;
    if (!options.ranks.empty()) {
      result =
          eval::run_sweep(entry.llama, entry.adapter ? &*entry.adapter : nullptr, work, options);
    }
    const eval::SweepEnding ending = result.ending;
    if (with_base && base) add_result(*base, entry, report);
    if (with_base && !base && !result.rows.empty()) {
      const auto is_base = [](const auto& x) { return x.rank == 0; };
      base.emplace();
      std::copy_if(result.rows.begin(), result.rows.end(), std::back_inserter(base->rows), is_base);
      std::copy_if(result.samples.begin(), result.samples.end(), std::back_inserter(base->samples),
                   is_base);
      std::copy_if(result.task_samples.begin(), result.task_samples.end(),
                   std::back_inserter(base->task_samples), is_base);
    }
    if (!result.rows.empty()) add_result(std::move(result), entry, report);
    if (!ending.whole()) return ending;
  }
  return {};
}

/// Two entries of one name that bring the same rank would be two points in one place.
void check_entries(const std::vector<Entry>& entries) {
  for (size_t i = 0; i < entries.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (entries[i].name != entries[j].name) continue;
      for (const int64_t rank : entries[i].options.ranks) {
        const auto& others = entries[j].options.ranks;
        if (std::find(others.begin(), others.end(), rank) == others.end()) continue;
        fail("--adapter", "two of the name '", printable(entries[i].name), "' at rank ", rank,
             "; give NAME=DIR, or other ranks with NAME=DIR@RANKS");
      }
    }
  }
}

int SweepCommand::run(const Common& common, CLI::App& app) {
  flags_.check(app);
  eval::ReportOptions reporting = flags_.report_options();
  reporting.width = terminal_width();
  reporting.directory = flags_.output.string();
  nn::use_block_memory(kWaitingBytes);
  watch_interrupts();  // from here on there is something to clean up
  AtomicDirectory output(flags_.output, flags_.force);
  model::Model base = load_model(flags_.model, common, model::Weights::on_demand);
  std::vector<Entry> entries = open_entries(base, common.quiet);
  check_entries(entries);

  const Evaluation evaluation = read_evaluation(flags_.evaluation, base, common.quiet);
  eval::Report report = new_report(evaluation, flags_.evaluation, base, flags_.model);
  const eval::SweepEnding ending = sweep_all(entries, evaluation.work(), report);
  if (report.sweeps.empty() && ending.error) throw UserError(*ending.error);
  const int code = ending.stopped ? 128 + interrupt_signal() : 0;
  if (report.sweeps.empty()) {
    say(common.quiet, "interrupted before the first rank was done: nothing is written");
    return code;
  }
  eval::write_report(output.path(), report, reporting);
  output.commit();
  std::cout << eval::sweep_table(report, reporting);
  say(common.quiet, cat(ending.stopped ? "interrupted; " : "", "wrote ", flags_.output.string()));
  if (ending.error) throw UserError(*ending.error);  // behind what was found before it
  return code;
}

}  // namespace

std::unique_ptr<Command> make_sweep() { return std::make_unique<SweepCommand>(); }

}  // namespace matlora::cli
