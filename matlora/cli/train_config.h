// What `matlora train` is asked for.
#pragma once

#include <cstdint>
#include <iomanip>
#include <sstream>
#include <string>
#include <vector>

#include "matlora/adapter/gate.h"
#include "matlora/base/error.h"
#include "matlora/cli/command.h"
#include "matlora/train/checkpoint.h"
#include "matlora/train/trainer.h"

namespace matlora::cli {

/// How often a state to resume from is saved: every `steps` steps or `seconds` seconds; never where
/// both are 0.
struct SaveEvery {
  int64_t steps = 0;
  double seconds = 0;
};

/// The options of a run as text flags and numbers, before they become a rule and a recipe.
struct TrainConfig {
  std::string model, data, output, base_name;
  std::string preset, nest = "auto", fit = "auto";
  double alpha = 1;
  std::string method = "nested", scaling = "auto", mask = "diag", gate_file;
  std::string inference_gate = "auto", init = "paper", init_adapter, schedule = "linear";
  std::vector<std::string> targets;  // none: all of the model's
  int64_t rank = 32, max_length = 512, limit = 0;
  std::string save_every = "10m";
  std::vector<int64_t> train_ranks;
  train::Recipe recipe;
  bool no_shuffle = false, force = false, resume = false;
};

void add_train_options(CLI::App& app, TrainConfig& config);

/// Sets what --preset says for the options that were not given, and what `auto` means for this
/// method; run.toml then records both. Throws UserError.
void apply_preset(CLI::App& app, TrainConfig& config);

/// "10m", "90s", "2h", or a number of steps. Throws UserError.
SaveEvery parse_save_every(const std::string& text);

/// The rule that the flags describe. Throws UserError naming the flag.
adapter::GateRule make_rule(const TrainConfig& config);

/// What a resumed run must repeat; names are the flags' without --. `base` and `data` are hashes.
train::RecipeRecord recipe_record(const TrainConfig& config, const adapter::GateRule& rule,
                                  const std::string& base, const std::string& data);

/// Sets an option to `values`, for what run.toml records in place of what was given.
template <class T>
void record(CLI::App& app, const std::string& name, const std::vector<T>& values) {
  CLI::Option* option = app.get_option(name);
  option->clear();
  for (const T& value : values) option->add_result(cat(value));
}

/// The text of run.toml. Paths in it are absolute; options without a value (defaults that the
/// others decide) are left out.
std::string run_record(CLI::App& app);

/// "1,2,4"
template <class T>
std::string join(const std::vector<T>& values) {
  std::ostringstream out;
  out << std::setprecision(17);
  for (size_t i = 0; i < values.size(); ++i) out << (i ? "," : "") << values[i];
  return out.str();
}

}  // namespace matlora::cli
