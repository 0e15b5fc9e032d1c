// matlora train: an adapter for a base model and a file of records.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <csignal>
#include <iomanip>
#include <iostream>
#include <set>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/interrupt.h"
#include "matlora/base/json.h"
#include "matlora/base/progress.h"
#include "matlora/cli/command.h"
#include "matlora/cli/run_directory.h"
#include "matlora/cli/train_evaluation.h"
#include "matlora/data/examples.h"
#include "matlora/train/checkpoint.h"
#include "matlora/train/trainer.h"

namespace matlora::cli {
namespace {

constexpr int64_t kMaxRank = 1 << 20;  // what an adapter's reader accepts

/// The options of a run as text flags and numbers, before they become a rule and a recipe.
struct TrainConfig {
  std::string model, data, output, base_name;
  std::string method = "matryoshka", scaling = "sqrt", mask = "diag", gate_file;
  std::string inference_gate = "paper", init = "paper", init_adapter, schedule = "linear";
  std::vector<std::string> targets = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                      "gate_proj", "up_proj", "down_proj"};
  int64_t rank = 32, max_length = 512, limit = 0, save_every = 0;
  std::vector<int64_t> train_ranks;
  train::Recipe recipe;
  bool no_shuffle = false, force = false, resume = false;
};

void add_adapter_options(CLI::App& app, TrainConfig& c) {
  const std::string group = "Adapter";
  const auto option = [&](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->group(group)->capture_default_str();
  };
  option("--method", c.method, "matryoshka|dylora|lora");
  option("--rank", c.rank, "R, the full rank")->check(integer(1, kMaxRank));
  option("--train-ranks", c.train_ranks, "ranks trained together; default: powers of two up to R")
      ->delimiter(',')
      ->check(integer(1));
  option("--scaling", c.scaling, "scale of rank r: sqrt 1/sqrt(r) | rank 1/r | none 1");
  option("--mask", c.mask, "of matryoshka: diag (the paper) | binary (its code: diag / n)");
  option("--gate", c.gate_file, "JSON file with R numbers: a gate of your own");
  option("--target-modules", c.targets, "layers, or all-linear")->delimiter(',');
  option("--init", c.init, "of A: paper 1/sqrt(R) | kaiming 1/sqrt(in)");
  option("--init-adapter", c.init_adapter, "PEFT directory whose A and B to start from");
  option("--inference-gate", c.inference_gate, "recorded for later use: paper|trained");
}

void add_recipe_options(CLI::App& app, TrainConfig& c) {
  const std::string group = "Recipe";
  const auto option = [&](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->group(group)->capture_default_str();
  };
  train::Recipe& r = c.recipe;
  const CLI::Validator count = integer(1);
  option("--epochs", r.epochs, "passes over the data")->check(finite(1e-6, 1e6));
  option("--max-steps", r.max_steps, "optimizer steps; > 0: instead of --epochs")
      ->check(integer(0));
  option("--batch-size", r.batch_size, "examples per micro-batch")->check(count);
  option("--grad-accum", r.grad_accum, "micro-batches per optimizer step")->check(count);
  option("--lr", r.learning_rate, "peak learning rate")->check(finite(0, 1e3));
  option("--lr-schedule", c.schedule, "linear|cosine|constant");
  option("--warmup-ratio", r.warmup_ratio, "part of the steps")->check(finite(0, 1.0));
  option("--weight-decay", r.weight_decay, "AdamW's")->check(finite(0, 1e3));
  option("--max-grad-norm", r.max_grad_norm, "0: no clipping")->check(finite(0, 1e9));
  option("--max-length", c.max_length, "tokens per example")->check(count);
  option("--limit", c.limit, "use the first N records; 0: all")->check(integer(0));
  option("--seed", r.seed, "of the initial A, the order, DyLoRA's ranks")->check(seed());
  app.add_flag("--no-shuffle", c.no_shuffle, "examples in the order of the file")->group(group);
}

/// "1,2,4"
template <class T>
std::string join(const std::vector<T>& values) {
  std::ostringstream out;
  for (size_t i = 0; i < values.size(); ++i) out << (i ? "," : "") << values[i];
  return out.str();
}

/// What run.toml records in place of what was given.
template <class T>
void record(CLI::App& app, const std::string& name, const std::vector<T>& values) {
  CLI::Option* option = app.get_option(name);
  option->clear();
  for (const T& value : values) option->add_result(cat(value));
}

std::vector<double> read_gate(const fs::path& path, int64_t rank) {
  const Json json = read_json(path);
  const Json* list = &json;
  if (json.is_object()) list = JsonObject(json, path.string()).find("P");
  if (!list || !list->is_array()) {
    fail(path.string(), "expected a list of ", rank, " numbers, or {\"P\": [..]}");
  }
  std::vector<double> gate;
  for (const Json& value : *list) {
    if (!value.is_number()) fail(path.string(), "P[", gate.size(), "]: expected a number");
    gate.push_back(value.get<double>());
  }
  if (static_cast<int64_t>(gate.size()) != rank) {
    fail(path.string(), "expected ", rank, " numbers, one per direction, got ", gate.size());
  }
  return gate;
}

/// The train ranks in ascending order, checked. Ranks above R are dropped from the default only.
std::vector<int64_t> checked_train_ranks(const TrainConfig& c) {
  if (c.train_ranks.empty()) {
    return c.method == "lora" ? std::vector<int64_t>{c.rank} : adapter::powers_of_two(c.rank);
  }
  const std::set<int64_t> unique(c.train_ranks.begin(), c.train_ranks.end());
  for (const int64_t r : unique) {
    if (r < 1 || r > c.rank) {
      fail("--train-ranks", "rank ", r, " is outside 1..", c.rank, "; --rank sets the largest");
    }
  }
  return {unique.begin(), unique.end()};
}

adapter::GateRule make_rule(const TrainConfig& c) {
  adapter::GateRule rule;
  rule.rank = c.rank;
  rule.method = adapter::parse_method(c.method, "--method");
  rule.scaling = adapter::parse_scaling(c.scaling, "--scaling");
  rule.mask = adapter::parse_mask(c.mask, "--mask");
  rule.train_ranks = checked_train_ranks(c);
  if (!c.gate_file.empty()) {
    rule.method = adapter::Method::custom;
    rule.custom = read_gate(c.gate_file, c.rank);
  } else if (rule.method == adapter::Method::custom) {
    fail("--method", "custom needs --gate FILE");
  }
  return rule;
}

/// Options without a value (defaults that the others decide) are left out.
std::string run_record(const CLI::App& app) {
  std::istringstream all(app.config_to_str(/*default_also=*/true));
  std::string text =
      "# matlora " MATLORA_VERSION ": `matlora train --config THIS_FILE` repeats the run.\n";
  for (std::string line; std::getline(all, line);) {
    if (!line.ends_with("=\"\"") && !line.ends_with("=[]")) text += line + "\n";
  }
  return text;
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
    app.add_option("--model", c_.model, "HF model directory or .gguf file")->required();
    app.add_option("--data", c_.data, "JSONL records; - or a pipe is read to its end")->required();
    app.add_option("--base-name", c_.base_name,
                   "the Hugging Face repository or directory that PEFT loads the base from "
                   "(default: what the model says)");
    app.add_option("--output", c_.output, "directory to write")->required();
    add_adapter_options(app, c_);
    add_recipe_options(app, c_);
    evaluation_.add_options(app);
    app.add_option("--save-every", c_.save_every, "steps between states to resume from; 0: never")
        ->check(integer(0))
        ->capture_default_str();
    app.add_flag("--resume", c_.resume, "go on with an interrupted run in --output")
        ->configurable(false);
    app.add_flag("--force", c_.force, "replace an existing output")->configurable(false);
    app.set_config("--config", "", "TOML file of options, such as a run.toml");
    app.allow_config_extras(CLI::config_extras_mode::error);
  }

  int run(const Common& common, CLI::App& app) override {
    if (!c_.resume) {
      for (const std::string& input : {c_.model, c_.data, c_.gate_file, c_.init_adapter}) {
        keep_input(input, c_.output);
      }
    }
    RunDirectory directory(c_.output, c_.force, c_.resume);
    c_.recipe.shuffle = !c_.no_shuffle;
    c_.recipe.schedule = train::parse_schedule(c_.schedule, "--lr-schedule");
    adapter::Adapter adapter = start_adapter(app);
    evaluation_.check(app, c_.resume ? fs::path() : fs::path(c_.output), c_.rank);
    note_idle_flags(app, common.quiet);
    const adapter::Init init = adapter::parse_init(c_.init, "--init");
    model::Model base = load_model(c_.model, common);
    record(app, "--dtype", std::vector<std::string>{dtype_name(base.llama.dtype())});
    record(app, "--device", std::vector<std::string>{base.llama.device().str()});
    record(app, "--threads", std::vector<int>{at::get_num_threads()});
    const data::Examples examples =
        read_examples(base, c_.data, {c_.max_length, c_.limit, -1}, common.quiet);
    evaluation_.load(base, c_.max_length, common.quiet);
    if (adapter.layers.empty()) {
      adapter.layers = adapter::new_layers(base.llama, c_.targets, c_.rank, init, c_.recipe.seed);
    }
    for (adapter::LayerAdapter& layer : adapter.layers) {
      layer.a = layer.a.to(base.llama.device());
      layer.b = layer.b.to(base.llama.device());
    }
    base_ = base.digest + " " + c10::toString(base.llama.dtype());
    examples_ = static_cast<int64_t>(examples.items.size());
    adapter::attach(base.llama, adapter, c_.init_adapter.empty() ? c_.model : c_.init_adapter);
    train::Trainer trainer(base.llama, adapter, examples.items, c_.recipe);
    if (c_.resume) train::restore_state(c_.output, adapter, trainer, recipe_text(adapter));
    record(app, "--target-modules", c_.targets);
    watch_interrupts();
    directory.begin(run_record(app), trainer.step());
    if (c_.resume) evaluation_.resume_at(trainer.step(), base, adapter, directory.path());
    return train_and_save(common, base, adapter, trainer, directory);
  }

 private:
  /// The rule, and with --init-adapter the matrices.
  adapter::Adapter start_adapter(CLI::App& app) {
    adapter::Adapter adapter;
    if (!c_.init_adapter.empty()) {
      model::LoadedAdapter loaded = model::load_adapter(c_.init_adapter, at::Device(at::kCPU));
      adapter.layers = std::move(loaded.adapter.layers);
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
    note((custom || c_.method != "matryoshka") && c_.mask != "diag", "--mask", method);
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

  /// What a resumed run must repeat for its steps to follow from the earlier ones.
  std::string recipe_text(const adapter::Adapter& adapter) const {
    const train::Recipe& r = c_.recipe;
    return cat(std::setprecision(17), "base=", base_, " examples=", examples_,
               " gate=", join(adapter.rule.custom), " targets=", join(c_.targets),
               " method=", adapter::name(adapter.rule.method), " scaling=", c_.scaling,
               " mask=", c_.mask, " rank=", c_.rank,
               " train_ranks=", join(adapter.rule.train_ranks), " data=", c_.data,
               " limit=", c_.limit, " max_length=", c_.max_length, " epochs=", r.epochs,
               " max_steps=", r.max_steps, " batch=", r.batch_size, "x", r.grad_accum,
               " lr=", r.learning_rate, " ", c_.schedule, " warmup=", r.warmup_ratio,
               " decay=", r.weight_decay, " clip=", r.max_grad_norm, " shuffle=", r.shuffle,
               " seed=", r.seed);
  }

  int train_and_save(const Common& common, const model::Model& base, adapter::Adapter& adapter,
                     train::Trainer& trainer, RunDirectory& directory) const {
    const model::AdapterInfo info{c_.model, base.digest,
                                  choose_base_name(c_.base_name, c_.model, common.quiet)};
    say(common.quiet,
        cat("training ", adapter.layers.size(), " layers, ", adapter.parameters(c_.rank),
            " parameters, ", trainer.total() - trainer.step(), " steps, ",
            c10::toString(base.llama.dtype()), " on ", base.llama.device().str()));
    run_steps(common, base, adapter, trainer, directory);
    const int signal = trainer.done() ? 0 : interrupt_signal();
    if (signal != 0) {
      train::save_state(directory.path(), adapter, trainer, recipe_text(adapter));
    } else {
      std::error_code ignored;
      fs::remove(directory.path() / train::kStateFile, ignored);
    }
    model::save_adapter(directory.path(), adapter, info);
    directory.keep();
    if (signal != 0) {
      say(false, cat(c_.output, ": stopped after step ", trainer.step(), " of ", trainer.total(),
                     "; the adapter so far is saved; `matlora train --config ", c_.output,
                     "/run.toml --resume` goes on"));
      return 128 + signal;
    }
    if (!evaluation_.finish(base, c_.model, adapter, directory.path(), common.quiet)) {
      return 128 + interrupt_signal();
    }
    if (!common.quiet) std::cout << c_.output << ": " << trainer.total() << " steps done\n";
    return 0;
  }

  void run_steps(const Common& common, const model::Model& base, adapter::Adapter& adapter,
                 train::Trainer& trainer, RunDirectory& directory) const {
    const int64_t first = trainer.step();
    Progress progress("step", trainer.total() - first, common.quiet);
    while (!trainer.done() && interrupt_signal() == 0) {
      const train::StepReport report = trainer.run_step();
      directory.log(report, directory.elapsed_before_s() + progress.elapsed_s());
      progress.update(
          report.step - first,
          cat(std::fixed, std::setprecision(4), "loss ", report.loss, std::setprecision(0), "  ",
              static_cast<double>(report.tokens) / report.seconds, " tokens/s"));
      evaluation_.after_step(report.step, base, adapter, directory.path());
      if (c_.save_every > 0 && report.step % c_.save_every == 0 && !trainer.done()) {
        train::save_state(directory.path(), adapter, trainer, recipe_text(adapter));
        directory.keep();
      }
    }
  }

  TrainConfig c_;
  TrainEvaluation evaluation_;
  std::string base_;  // its digest and dtype
  int64_t examples_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_train() { return std::make_unique<Train>(); }

}  // namespace matlora::cli
