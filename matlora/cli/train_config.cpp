#include "matlora/cli/train_config.h"

#include <charconv>
#include <set>
#include <type_traits>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/input.h"
#include "matlora/base/json.h"
#include "matlora/cli/config_file.h"
#include "matlora/train/rank_draw.h"

namespace matlora::cli {
namespace {

void add_adapter_options(CLI::App& app, TrainConfig& c) {
  const std::string group = "Adapter";
  const auto option = [&](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->group(group)->capture_default_str();
  };
  option(
      "--preset", c.preset,
      "paper: MatryoshkaLoRA as it is published (matryoshka, diag, sqrt, init and inference gate "
      "paper, no re-nesting, lr 2e-4)");
  option("--method", c.method, "nested|matryoshka|dylora|lora");
  option("--rank", c.rank, "R, the full rank")->check(integer(1, adapter::kMaxRank));
  option("--train-ranks", c.train_ranks, "ranks trained together; default: powers of two up to R")
      ->delimiter(',')
      ->check(integer(1));
  option("--scaling", c.scaling,
         "scale of rank r: sqrt 1/sqrt(r) | rank 1/r | none 1 | auto (rank for nested, sqrt for "
         "others "
         "and for --mask constant)");
  option("--alpha", c.alpha, "PEFT's lora_alpha: the scale is alpha/sqrt(r), alpha/r or alpha")
      ->check(finite(1e-6, 1e6));
  option("--mask", c.mask,
         "gate of nested and matryoshka: diag (the paper) | binary (its code: diag / n) | "
         "constant s(R), also for dylora");
  option("--rank-weights", c.recipe.rank_weights,
         "of nested: how often a sequence is seen at each rank; others share the rest");
  option("--nest", c.nest,
         "order the directions at the end of the run by what they do to the layers' outputs: svd "
         "all of them | none | auto (of nested those of the largest rank below R that is trained)");
  option("--fit", c.fit,
         "after --nest, numbers between A and B for each train rank below R, learned from at most "
         "half as many tokens as the run's: auto (of nested) | none");
  option("--gate", c.gate_file, "JSON file with R numbers: a gate of your own");
  option("--target-modules", c.targets,
         "layers by name, or all-linear (default: every linear layer of the blocks)")
      ->delimiter(',');
  option("--init", c.init, "of A: paper 1/sqrt(R) | kaiming 1/sqrt(in)");
  option("--init-adapter", c.init_adapter, "PEFT directory whose A and B to start from");
  option("--inference-gate", c.inference_gate,
         "recorded for later use: paper|trained|auto (trained for matryoshka, else paper)");
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
  option("--optimizer", r.optimizer, "adamw|sgd (plain, without momentum)");
  option("--weight-decay", r.weight_decay, "the optimizer's")->check(finite(0, 1e3));
  option("--max-grad-norm", r.max_grad_norm, "0: no clipping")->check(finite(0, 1e9));
  option("--max-length", c.max_length, "tokens per example")->check(count);
  option("--limit", c.limit, "use the first N records; 0: all")->check(integer(0));
  option("--seed", r.seed, "of the initial A, the order, DyLoRA's ranks")->check(seed());
  app.add_flag("--no-shuffle", c.no_shuffle, "examples in the order of the file")->group(group);
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

}  // namespace

void add_train_options(CLI::App& app, TrainConfig& c) {
  app.add_option("--model", c.model, "HF model directory or .gguf file")->required();
  app.add_option("--data", c.data, "JSONL records; - or a pipe is read to its end")->required();
  app.add_option("--base-name", c.base_name,
                 "the Hugging Face repository or directory that PEFT loads the base from "
                 "(default: what the model says)");
  app.add_option("--output", c.output, "directory to write")->required();
  add_adapter_options(app, c);
  add_recipe_options(app, c);
  app.add_option("--save-every", c.save_every,
                 "between states to resume from: 10m, 90s, 2h, or a number of steps; 0: never")
      ->capture_default_str();
  app.add_flag("--resume", c.resume, "continue an interrupted run in --output")
      ->configurable(false);
  app.add_flag("--force", c.force, "replace an earlier result in --output")->configurable(false);
  app.set_config("--config", "", "TOML file of options, such as a run.toml");
  app.config_formatter(std::make_shared<TomlConfig>());
  app.allow_config_extras(CLI::config_extras_mode::error);
}

namespace {

/// MatryoshkaLoRA as it is published, where an option was not given.
void apply_paper(CLI::App& app, TrainConfig& c) {
  const auto preset = [&](const char* name, auto& value, const auto& paper) {
    if (app.count(name) > 0) return;
    value = paper;
    record(app, name, std::vector<std::string>{cat(paper)});
  };
  preset("--method", c.method, "matryoshka");
  preset("--mask", c.mask, "diag");
  preset("--scaling", c.scaling, "sqrt");
  preset("--init", c.init, "paper");
  preset("--inference-gate", c.inference_gate, "paper");
  preset("--nest", c.nest, "none");
  preset("--lr", c.recipe.learning_rate, 2e-4);
  app.get_option("--preset")->clear();
}

}  // namespace

void apply_preset(CLI::App& app, TrainConfig& c) {
  if (c.nest != "auto" && c.nest != "svd" && c.nest != "none") {
    fail("--nest", "unknown value '", printable(c.nest), "'; expected auto|svd|none");
  }
  if (c.fit != "auto" && c.fit != "none") {
    fail("--fit", "unknown value '", printable(c.fit), "'; expected auto|none");
  }
  train::optimizer_named(c.recipe.optimizer, "--optimizer");
  if (c.preset == "paper") {
    apply_paper(app, c);
  } else if (!c.preset.empty()) {
    fail("--preset", "unknown value '", printable(c.preset), "'; expected paper");
  }
  const auto choose = [&](const char* name, std::string& value, const char* chosen) {
    if (value != "auto") return;
    value = chosen;
    record(app, name, std::vector{value});
  };
  const bool own_gate = !c.gate_file.empty();
  choose("--inference-gate", c.inference_gate,
         c.method == "matryoshka" && !own_gate ? "trained" : "paper");
  choose("--scaling", c.scaling,
         c.method == "nested" && c.mask != "constant" && !own_gate ? "rank" : "sqrt");
}

SaveEvery parse_save_every(const std::string& text) {
  int64_t value = -1;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  const std::string unit(rest, end);
  constexpr int64_t kMost = int64_t{1} << 40;
  if (error == std::errc() && value >= 0 && value <= kMost) {
    if (unit.empty()) return {value, 0};
    const double seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
    if (seconds > 0) return {0, static_cast<double>(value) * seconds};
  }
  fail("--save-every", "expected a time such as 10m, 90s or 2h, or a number of steps, got '",
       printable(text), "'");
}

adapter::GateRule make_rule(const TrainConfig& c) {
  adapter::GateRule rule;
  rule.rank = c.rank;
  rule.method = adapter::parse_method(c.method, "--method");
  rule.scaling = adapter::parse_scaling(c.scaling, "--scaling");
  rule.mask = adapter::parse_mask(c.mask, "--mask");
  rule.alpha = c.alpha;
  rule.train_ranks = checked_train_ranks(c);
  if (!c.gate_file.empty()) {
    rule.method = adapter::Method::custom;
    rule.custom = read_gate(c.gate_file, c.rank);
  } else if (rule.method == adapter::Method::custom) {
    fail("--method", "custom needs --gate FILE");
  }
  if (rule.method == adapter::Method::matryoshka && rule.mask == adapter::Mask::constant) {
    fail("--mask", "constant with matryoshka is LoRA; give --method lora");
  }
  if (rule.method == adapter::Method::nested) {
    train::parse_rank_weights(c.recipe.rank_weights, rule, "--rank-weights");
  }
  return checked(std::move(rule), c.gate_file.empty() ? "train" : c.gate_file);
}

train::RecipeRecord recipe_record(const TrainConfig& c, const adapter::GateRule& rule,
                                  const std::string& base, const std::string& data) {
  const train::Recipe& r = c.recipe;
  const auto text = [](const auto& value) {
    if constexpr (std::is_floating_point_v<std::decay_t<decltype(value)>>) {
      char digits[32];  // the shortest that is read as the same number
      return std::string(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    } else {
      return cat(value);
    }
  };
  return {{"model", base},
          {"data", data},
          {"gate", join(rule.custom)},
          {"target-modules", join(c.targets)},
          {"method", adapter::name(rule.method)},
          {"scaling", c.scaling},
          {"mask", c.mask},
          {"alpha", text(c.alpha)},
          {"rank-weights", rule.method == adapter::Method::nested ? r.rank_weights : ""},
          {"rank", text(c.rank)},
          {"train-ranks", join(rule.train_ranks)},
          {"limit", text(c.limit)},
          {"max-length", text(c.max_length)},
          {"epochs", text(r.epochs)},
          {"max-steps", text(r.max_steps)},
          {"batch-size", text(r.batch_size)},
          {"grad-accum", text(r.grad_accum)},
          {"lr", text(r.learning_rate)},
          {"lr-schedule", c.schedule},
          {"warmup-ratio", text(r.warmup_ratio)},
          {"weight-decay", text(r.weight_decay)},
          {"max-grad-norm", text(r.max_grad_norm)},
          {"no-shuffle", text(!r.shuffle)},
          {"seed", text(r.seed)}};
}

std::string run_record(CLI::App& app) {
  for (const char* name : {"--model", "--data", "--output", "--gate", "--init-adapter",
                           "--eval-data", "--eval-task-data"}) {
    const std::string path = app.get_option(name)->as<std::string>();
    if (!path.empty() && !is_stream(path))
      record(app, name, std::vector{fs::absolute(path).string()});
  }
  auto tasks = app.get_option("--eval-task")->as<std::vector<std::string>>();
  for (std::string& task : tasks) {
    if (task.ends_with(".json")) task = fs::absolute(task).string();
  }
  if (!tasks.empty()) record(app, "--eval-task", tasks);
  return "# matlora " MATLORA_VERSION ": `matlora train --config THIS_FILE` repeats the run.\n" +
         app.config_to_str(/*default_also=*/true);
}

}  // namespace matlora::cli
