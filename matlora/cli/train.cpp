// matlora train: an adapter for a base model and a file of records.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <sys/resource.h>

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <set>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/hash.h"
#include "matlora/base/interrupt.h"
#include "matlora/base/progress.h"
#include "matlora/base/shell.h"
#include "matlora/cli/command.h"
#include "matlora/cli/finished_adapter.h"
#include "matlora/cli/flag_names.h"
#include "matlora/cli/run_directory.h"
#include "matlora/cli/train_config.h"
#include "matlora/cli/train_evaluation.h"
#include "matlora/data/examples.h"
#include "matlora/train/checkpoint.h"
#include "matlora/train/trainer.h"

namespace matlora::cli {
namespace {

/// A stop waits so long for the end of the step that is under way, then drops it.
constexpr double kPatience_s = 1;

/// Of tokens and where their labels begin: the same for a file that was moved.
std::string data_hash(const data::Examples& examples) {
  std::vector<Hash> hashes;
  for (const data::Example& example : examples.items) {
    hashes.push_back(hash_bytes(std::as_bytes(std::span(example.tokens))));
    hashes.push_back({static_cast<uint64_t>(example.first_label), 0});
  }
  return hash_text(hash_bytes(std::as_bytes(std::span(hashes))));
}

int64_t peak_memory_bytes() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return int64_t{1024} * usage.ru_maxrss;
}

std::string rate_text(double tokens, double seconds) {
  return cat(std::fixed, std::setprecision(0), tokens / seconds, " tokens/s");
}

class Train : public Command {
 public:
  std::string name() const override { return "train"; }
  std::string summary() const override { return "train an adapter"; }
  std::string example() const override {
    return "matlora train --model SmolLM2-135M.gguf --data train.jsonl --output out "
           "--rank 16 --lr 1e-3 --epochs 1\n\n"
           "Records are one JSON object a line, in one of three forms (EOS ends each):\n"
           "  {\"question\": q, \"answer\": a}    'Question: {q}\\nAnswer: ' + '{a}'; only the "
           "answer is learned\n"
           "  {\"prompt\": p, \"completion\": c}  '{p}' + '{c}'; only the completion is learned\n"
           "  {\"text\": t}                      all of it is learned";
  }

  void add_options(CLI::App& app) override {
    add_train_options(app, c_);
    evaluation_.add_options(app);
  }

  int run(const Common& common, CLI::App& app) override {
    if (!c_.resume) {
      for (const std::string& input : {c_.model, c_.data, c_.gate_file, c_.init_adapter}) {
        keep_input(input, c_.output);
      }
    }
    apply_preset(app, c_);
    save_every_ = parse_save_every(c_.save_every);
    RunDirectory directory(c_.output, c_.force, c_.resume);
    c_.recipe.shuffle = !c_.no_shuffle;
    c_.recipe.schedule = train::parse_schedule(c_.schedule, "--lr-schedule");
    adapter::Adapter adapter = start_adapter(app);
    evaluation_.check(app, c_.resume ? fs::path() : fs::path(c_.output), c_.rank);
    note_idle_flags(app, common.quiet);
    const adapter::Init init = adapter::parse_init(c_.init, "--init");
    model::Model base = load_model(c_.model, common);
    record(app, "--dtype", std::vector<std::string>{dtype_name(base.decoder.dtype())});
    record(app, "--device", std::vector<std::string>{base.decoder.device().str()});
    record(app, "--threads", std::vector<int>{at::get_num_threads()});
    const data::Examples examples =
        read_examples(base, c_.data, {c_.max_length, c_.limit, -1}, common.quiet);
    evaluation_.load(base, c_.max_length, common.quiet);
    if (adapter.layers.empty()) {
      if (c_.targets.empty()) c_.targets = adapter::target_names(base.decoder);
      adapter.layers = adapter::new_layers(base.decoder, c_.targets, c_.rank, init, c_.recipe.seed);
    }
    for (adapter::LayerAdapter& layer : adapter.layers) {
      layer.a = layer.a.to(base.decoder.device());
      layer.b = layer.b.to(base.decoder.device());
    }
    train::Trainer trainer(base.decoder, adapter, examples.items, c_.recipe,
                           c_.init_adapter.empty() ? c_.model : c_.init_adapter);
    recipe_ =
        recipe_record(c_, adapter.rule, cat(base.digest, " ", dtype_name(base.decoder.dtype())),
                      data_hash(examples));
    examples_ = examples.items.size();
    if (c_.resume) train::restore_state(directory.path(), adapter, trainer, recipe_);
    record(app, "--target-modules", c_.targets);
    directory.begin(run_record(app), trainer.step(),
                    2 * train::state_bytes(adapter, trainer.optimizer()));
    if (c_.resume) evaluation_.resume_at(trainer.step(), base, adapter, directory.path());
    const int code = train_and_save(common, base, adapter, trainer, directory);
    std::cout.flush();
    std::cout.clear();  // a closed stdout does not make a run fail
    return code;
  }

 private:
  /// The rule, and with --init-adapter the matrices.
  adapter::Adapter start_adapter(CLI::App& app) {
    adapter::Adapter adapter;
    if (!c_.init_adapter.empty()) {
      model::LoadedAdapter loaded = open_adapter(c_.init_adapter, c_.model);
      adapter.layers = std::move(loaded.adapter.layers);
      for (adapter::LayerAdapter& layer : adapter.layers) layer.fitted.clear();
      check_init_adapter(app, loaded.adapter.rule.rank, adapter.layers);
    }
    if (c_.rank < 1) fail("--rank", "expected 1 or more, got ", c_.rank);
    adapter.rule = make_rule(c_);
    adapter.inference_gate = adapter::parse_inference_gate(c_.inference_gate, "--inference-gate");
    if (adapter.rule.method == adapter::Method::custom) {
      if (app.count("--method") > 0 && c_.method != "custom") {
        fail("--gate", "a gate of your own and --method ", c_.method, " exclude each other");
      }
      record(app, "--method", std::vector<std::string>{"custom"});
    }
    return adapter;
  }

  /// Says which flags change nothing: a script that trains all methods alike may well give them.
  void note_idle_flags(const CLI::App& app, bool quiet) const {
    const auto note = [&](bool idle, const char* flag, const std::string& reason) {
      if (idle && app.count(flag) > 0) {
        say(quiet, cat("note: ", flag, " has no effect ", reason));
      }
    };
    const bool custom = !c_.gate_file.empty();
    const std::string method = custom ? "with --gate" : "with --method " + c_.method;
    note((custom || c_.method == "lora") && !c_.train_ranks.empty(), "--train-ranks", method);
    note((custom || c_.method == "lora") && c_.mask != "diag", "--mask", method);
    note(custom || c_.method != "nested", "--rank-weights", method);
    note(!c_.init_adapter.empty() && c_.init != "paper", "--init", "with --init-adapter");
  }

  /// Rank and targets are the initial adapter's; flags that say otherwise are an error.
  void check_init_adapter(CLI::App& app, int64_t rank,
                          const std::vector<adapter::LayerAdapter>& layers) {
    if (app.count("--rank") > 0 && c_.rank != rank) {
      fail("--rank", "expected ", rank, " as --init-adapter has, got ", c_.rank);
    }
    std::set<std::string> names;
    for (const auto& layer : layers) {
      names.insert(adapter::module_name(layer.layer));
    }
    if (app.count("--target-modules") > 0 &&
        std::set<std::string>(c_.targets.begin(), c_.targets.end()) != names) {
      fail("--target-modules", "expected ",
           join(std::vector<std::string>(names.begin(), names.end())),
           " as --init-adapter has, got ", join(c_.targets));
    }
    c_.rank = rank;
    c_.targets.assign(names.begin(), names.end());
    record(app, "--rank", std::vector<int64_t>{rank});
    record(app, "--target-modules", c_.targets);
  }

  /// Re-nesting takes memory and time: what was trained is on the disk before it, where there is
  /// space.
  void keep_before_finishing(const adapter::Adapter& adapter, train::Trainer& trainer,
                             RunDirectory& directory) const {
    if (directions_to_order(c_.nest, adapter.rule, c_.recipe.rank_weights) == 0) return;
    try {
      directory.save([&] { train::save_state(directory.path(), adapter, trainer, recipe_); });
    } catch (const UserError&) {  // no space: writing the adapter says it, where that fails too
    }
  }

  /// What a run that is done gives; nothing where it was stopped while fitting. Where it cannot be
  /// re-nested it is kept as it was trained.
  std::optional<adapter::Adapter> finished(const Common& common, const model::Model& base,
                                           adapter::Adapter& adapter,
                                           const train::Trainer& trainer) {
    const int64_t first = directions_to_order(c_.nest, adapter.rule, c_.recipe.rank_weights);
    if (first == 0) return shipped(adapter);
    try {
      FinishedAdapter done = renested(base.decoder, adapter, trainer, first, c_.output);
      say(common.quiet, cat("the first ", first, " directions in order, weighted by the inputs of ",
                            done.made->tokens, " tokens"));
      info_.compressed = std::move(done.made);
      if (c_.fit == "auto" && adapter.rule.method == adapter::Method::nested) {
        const LongRun long_run("stopping; again to stop now");
        const auto go_on = [] { return interrupt_signal() == 0; };
        if (!fit_finished(base.decoder, adapter.rule, trainer, go_on, common.quiet, done.adapter)) {
          info_.compressed.reset();
          return std::nullopt;
        }
      }
      return std::move(done.adapter);
    } catch (const UserError& error) {
      say(false, cat("note: not re-nested: ", shown(error)));
      return shipped(adapter);
    }
  }

  /// Everything of the last whole step, so that the run can be continued and used.
  void save_all(const adapter::Adapter& adapter, train::Trainer& trainer,
                RunDirectory& directory) const {
    directory.save([&] {
      train::save_state(directory.path(), adapter, trainer, recipe_);
      model::save_adapter(directory.path(), shipped(adapter), info_);
    });
  }

  std::string stopped_text(const train::Trainer& trainer, const RunDirectory& directory) const {
    const std::string earlier =
        directory.replaces() ? cat("; ", c_.output, " still has its earlier result") : "";
    return cat(c_.output, ": stopped after step ", trainer.step(), " of ", trainer.total(),
               "; the adapter so far is saved", earlier, "; `matlora train --config ",
               shell_word((directory.path() / "run.toml").string()), " --resume` continues it");
  }

  int train_and_save(const Common& common, model::Model& base, adapter::Adapter& adapter,
                     train::Trainer& trainer, RunDirectory& directory) {
    info_ = {c_.model, base.digest, choose_base_name(c_.base_name, c_.model, common.quiet)};
    say(common.quiet,
        cat("training ", adapter.layers.size(), " layers, ", adapter.parameters(c_.rank),
            " parameters, on ", examples_, " records, ", trainer.total() - trainer.step(),
            " steps, ", dtype_name(base.decoder.dtype()), " on ", base.decoder.device().str()));
    if (!run_and_keep(common, base, adapter, trainer, directory)) return 128 + interrupt_signal();
    const bool scored =
        evaluation_.finish(base, c_.model, adapter, directory.target(), common.quiet);
    directory.commit();
    if (!scored) return 128 + interrupt_signal();
    if (!common.quiet) say_end();
    return 0;
  }

  /// All steps, and what is left of them on the disk. False when interrupted; a second signal saves
  /// the last whole step in another thread and ends the program.
  bool run_and_keep(const Common& common, model::Model& base, adapter::Adapter& adapter,
                    train::Trainer& trainer, RunDirectory& directory) {
    std::mutex saving;
    bool saved = false;
    const LastWords words([&] {
      const std::lock_guard lock(saving);
      if (saved) return;
      try {
        save_all(adapter, trainer, directory);
        say(false, stopped_text(trainer, directory));
      } catch (const std::exception& error) {
        say(false, cat("error: ", shown(error)));
      }
    });
    run_steps(common, base, adapter, trainer, directory, saving);
    const std::lock_guard lock(saving);
    std::optional<adapter::Adapter> result;
    if (trainer.done()) {
      keep_before_finishing(adapter, trainer, directory);
      result = finished(common, base, adapter, trainer);
    }
    if (result) {
      directory.save([&] { model::save_adapter(directory.path(), *result, info_); });
      adapter = std::move(*result);
      std::error_code ignored;
      fs::remove(directory.path() / train::kStateFile, ignored);
      directory.commit();
    } else {
      save_all(adapter, trainer, directory);
      say(false, stopped_text(trainer, directory));
    }
    saved = true;
    return result.has_value();
  }

  void run_steps(const Common& common, const model::Model& base, adapter::Adapter& adapter,
                 train::Trainer& trainer, RunDirectory& directory, std::mutex& saving) {
    const LongRun long_run("stopping after this step; again to stop now");
    const int64_t first = trainer.step();
    Progress progress("step", trainer.total() - first, common.quiet);
    double tokens = 0, last_save_s = 0;
    std::string last = "first step";
    const auto after_pack = [&](int64_t done, int64_t total) {
      const double part = static_cast<double>(done) / static_cast<double>(total);
      progress.update(static_cast<double>(trainer.step() - first) + part, last);
      return seconds_since_interrupt() < kPatience_s;
    };
    while (!trainer.done() && interrupt_signal() == 0) {
      const auto report = trainer.try_step(after_pack);
      if (!report) break;
      tokens += static_cast<double>(report->tokens);
      {
        const std::lock_guard lock(saving);
        directory.log(*report, directory.elapsed_before_s() + progress.elapsed_s());
      }
      last = cat("loss ", std::fixed, std::setprecision(4), report->loss, "  ",
                 rate_text(static_cast<double>(report->tokens), report->seconds));
      progress.update(static_cast<double>(report->step - first), last);
      evaluation_.after_step(report->step, base, adapter, directory.path(), progress);
      const bool due = save_every_.steps > 0
                           ? report->step % save_every_.steps == 0
                           : save_every_.seconds > 0 &&
                                 progress.elapsed_s() - last_save_s >= save_every_.seconds;
      if (due && !trainer.done()) {
        save_state(adapter, trainer, directory, saving);
        last_save_s = progress.elapsed_s();
      }
    }
    totals_ = {trainer.step() - first, tokens, progress.elapsed_s()};
  }

  /// A state that cannot be saved now may be saved the next time: a long run does not end for it.
  void save_state(const adapter::Adapter& adapter, train::Trainer& trainer, RunDirectory& directory,
                  std::mutex& saving) const {
    const std::lock_guard lock(saving);
    try {
      directory.save([&] { train::save_state(directory.path(), adapter, trainer, recipe_); });
    } catch (const UserError& error) {
      say(false, cat("note: step ", trainer.step(), " is not saved: ", shown(error)));
    }
  }

  void say_end() const {
    std::cout << c_.output << ": " << totals_.steps << " steps done in "
              << duration_text(totals_.seconds) << ", "
              << rate_text(totals_.tokens, totals_.seconds) << ", peak memory "
              << (peak_memory_bytes() >> 20) << " MiB\n"
              << "next: matlora sweep --model " << shell_word(c_.model) << " --adapter "
              << shell_word(c_.output) << " --data TEST.jsonl --output "
              << shell_word(c_.output + "-sweep") << std::endl;
  }

  TrainConfig c_;
  TrainEvaluation evaluation_;
  model::AdapterInfo info_;
  SaveEvery save_every_;
  size_t examples_ = 0;
  train::RecipeRecord recipe_;
  struct Totals {
    int64_t steps = 0;
    double tokens = 0, seconds = 0;
  } totals_;  // of this process
};

}  // namespace

std::unique_ptr<Command> make_train() { return std::make_unique<Train>(); }

}  // namespace matlora::cli
