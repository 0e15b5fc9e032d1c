// matlora sweep: how good an adapter is at every rank.
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
#include "matlora/data/examples.h"
#include "matlora/eval/report.h"

namespace matlora::cli {
namespace {

constexpr int64_t kMaxLength = 1 << 20;  // tokens of one example

/// 0 and the train ranks of a nested adapter; of any other 0, the powers of two and R.
std::vector<int64_t> default_ranks(const adapter::GateRule& rule) {
  std::vector<int64_t> ranks = {0};
  const bool nested = rule.method != adapter::Method::lora && !rule.train_ranks.empty();
  for (const int64_t rank : nested ? rule.train_ranks : adapter::powers_of_two(rule.rank)) {
    ranks.push_back(rank);
  }
  if (!nested) ranks.push_back(rule.rank);
  return ranks;
}

class SweepCommand : public Command {
 public:
  std::string name() const override { return "sweep"; }
  std::string summary() const override { return "show how good every rank of an adapter is"; }
  std::string example() const override {
    return "matlora sweep --model SmolLM2.gguf --adapter out --data test.jsonl --output sweep";
  }
  void add_options(CLI::App& app) override;
  int run(const Common& common, CLI::App& app) override;

 private:
  void check_flags() const;
  std::string curve_name() const;
  std::vector<eval::AdapterSweep> earlier_sweeps() const;
  std::vector<int64_t> chosen_ranks(const adapter::Adapter* adapter) const;

  fs::path model_, adapter_, data_, output_;
  std::vector<int64_t> ranks_;
  std::string inference_gate_;
  data::ExampleOptions reading_;
  std::vector<std::string> compare_;
  bool samples_ = false, any_base_ = false, force_ = false;
};

void SweepCommand::add_options(CLI::App& app) {
  app.add_option("--model", model_, "base model: a HF directory or a .gguf file")->required();
  app.add_option("--adapter", adapter_, "adapter directory; without one only the base is scored");
  app.add_option("--data", data_, "JSON Lines file of the records to score")->required();
  app.add_option("--ranks", ranks_,
                 "ranks to score, 0 being the base model (default: 0 and the train ranks, or 0 and "
                 "the powers of two)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--inference-gate", inference_gate_,
                 "paper or trained (default: what the adapter records)");
  app.add_option("--output", output_, "directory to write")->required();
  app.add_option("--limit", reading_.limit, "score the first N records only; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--max-length", reading_.max_length, "cut examples at so many tokens")
      ->check(CLI::Range(int64_t{2}, kMaxLength))
      ->capture_default_str();
  app.add_option("--compare", compare_,
                 "NAME=DIR: an earlier sweep whose curve to draw too; may be repeated")
      ->allow_extra_args(false);
  app.add_flag("--samples", samples_, "write samples.jsonl: the loss of every record");
  app.add_flag("--any-base", any_base_, "accept an adapter that was trained on another base model");
  app.add_flag("--force", force_, "replace the output directory");
}

/// What --compare names.
std::vector<eval::AdapterSweep> SweepCommand::earlier_sweeps() const {
  std::vector<eval::AdapterSweep> sweeps;
  for (const std::string& text : compare_) {
    const size_t sign = text.find('=');
    if (sign == std::string::npos || sign == 0 || sign + 1 == text.size()) {
      fail("--compare", "expected NAME=DIR, got '", printable(text), "'");
    }
    keep_input(text.substr(sign + 1), output_);
    const auto read = eval::read_sweeps(text.substr(sign + 1), text.substr(0, sign));
    sweeps.insert(sweeps.end(), read.begin(), read.end());
  }
  return sweeps;
}

/// What can be said without loading anything.
void SweepCommand::check_flags() const {
  if (!inference_gate_.empty()) {
    adapter::parse_inference_gate(inference_gate_, "--inference-gate");
  }
  if (adapter_.empty() && !inference_gate_.empty()) {
    fail("--inference-gate", "there is no adapter; give --adapter DIR");
  }
  for (const int64_t rank : ranks_) {
    if (adapter_.empty() && rank != 0) {
      fail("--ranks", "rank ", rank, " needs an adapter; give --adapter DIR");
    }
  }
  for (const fs::path& input : {model_, adapter_, data_}) keep_input(input, output_);
  MappedFile::open(data_);
}

/// The adapter's directory, or the sweep's own where that would say nothing.
std::string SweepCommand::curve_name() const {
  fs::path path = adapter_.empty() ? output_ : adapter_;
  path = path.lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string() +
         (inference_gate_.empty() ? "" : ", " + inference_gate_ + " gate");
}

/// Ascending, each once.
std::vector<int64_t> SweepCommand::chosen_ranks(const adapter::Adapter* adapter) const {
  std::vector<int64_t> ranks = ranks_;
  if (ranks.empty()) {
    ranks = adapter != nullptr ? default_ranks(adapter->rule) : std::vector<int64_t>{0};
  }
  for (const int64_t rank : ranks) {
    if (adapter != nullptr) check_rank(rank, *adapter, "--ranks");
  }
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  return ranks;
}

int SweepCommand::run(const Common& common, CLI::App&) {
  check_flags();
  eval::ReportOptions showing;
  showing.earlier = earlier_sweeps();
  watch_interrupts();  // from here on there is something to clean up
  AtomicDirectory output(output_, force_);
  model::Model base = load_model(model_, common);
  model::LoadedAdapter loaded;
  if (!adapter_.empty()) loaded = attach_adapter(adapter_, base, any_base_);
  adapter::Adapter* const adapter = adapter_.empty() ? nullptr : &loaded.adapter;

  eval::SweepOptions options;
  options.ranks = chosen_ranks(adapter);
  options.gate = inference_gate_.empty()
                     ? loaded.adapter.inference_gate
                     : adapter::parse_inference_gate(inference_gate_, "--inference-gate");
  options.samples = samples_;
  options.quiet = common.quiet;
  options.stop = [] { return interrupt_signal() != 0; };
  const std::vector<data::Example> examples =
      read_examples(base, data_, reading_, common.quiet).items;

  eval::SweepResult result = eval::run_sweep(base.llama, adapter, examples, options);
  const int code = result.stopped ? 128 + interrupt_signal() : 0;
  if (result.rows.empty()) {
    say(common.quiet, "interrupted before the first rank was done: nothing is written");
    return code;
  }
  eval::Report report;
  report.model = model_.string();
  report.data = data_.string();
  report.dtype = dtype_name(base.llama.dtype());
  report.device = base.llama.device().str();
  report.examples = static_cast<int64_t>(examples.size());
  report.sweeps = {{curve_name(),
                    adapter_.string(),
                    adapter::name(options.gate),
                    std::move(result.rows),
                    std::move(result.samples),
                    {}}};
  eval::write_report(output.path(), report, showing);
  output.commit();
  std::cout << eval::sweep_table(report, showing);
  say(common.quiet, cat(code == 0 ? "" : "interrupted; ", "wrote ", output_.string()));
  return code;
}

}  // namespace

std::unique_ptr<Command> make_sweep() { return std::make_unique<SweepCommand>(); }

}  // namespace matlora::cli
