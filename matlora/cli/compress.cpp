// matlora compress: an adapter with its directions in order of what they are worth, or fewer of
// them.
#include "matlora/adapter/compress.h"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <optional>

#include "matlora/base/error.h"
#include "matlora/base/output.h"
#include "matlora/base/progress.h"
#include "matlora/cli/command.h"
#include "matlora/eval/calibration.h"
#include "matlora/train/fit.h"
#include "matlora/train/worth.h"

namespace matlora::cli {
namespace {

constexpr int64_t kMaxLength = 1 << 20;  // tokens of one example

/// What is kept: the first directions, the same number everywhere, or ranks per layer.
struct Choice {
  adapter::Renested nested;  // as it is written
  std::string words;         // for the line of result
  double kept = 1;
};

/// The base model, the records, and what the adapter's layers read in them.
struct Calibrated {
  model::Model base;
  data::Examples examples;
  eval::Calibration found;
};

std::string percent(double share) { return cat(std::setprecision(4), 100 * share, " %"); }

class Compress : public Command {
 public:
  std::string name() const override { return "compress"; }
  std::string summary() const override {
    return "order an adapter's directions by worth (SVD), or keep fewer";
  }
  std::string example() const override {
    return "matlora compress --adapter out --output ordered --calibrate train.jsonl --model "
           "SmolLM2.gguf --limit 256\n"
           "  matlora compress --adapter out --energy 0.99 --output small";
  }
  void add_options(CLI::App& app) override;
  int run(const Common& common, CLI::App& app) override;

 private:
  void check_flags(const CLI::App& app) const;
  std::optional<Calibrated> calibrate(const Common& common, adapter::InferenceGate gate) const;
  void fit(const Calibrated& on, adapter::Adapter& adapter, bool quiet) const;
  model::Compression describe(const std::optional<Calibrated>& on, Choice& choice) const;
  Choice choose(const adapter::Adapter& full, adapter::InferenceGate gate,
                const std::optional<Calibrated>& on, bool quiet) const;

  fs::path adapter_, output_, calibrate_, model_;
  std::string gate_;
  data::ExampleOptions reading_;
  int64_t rank_ = 0, parameters_ = 0;
  int64_t first_ = 0;  // R where not given
  double energy_ = 0;
  bool fit_ = false, force_ = false, any_base_ = false;
};

void Compress::add_options(CLI::App& app) {
  app.add_option("--adapter", adapter_,
                 "adapter directory, matlora's or PEFT's, or file (.gguf, .pt)")
      ->required();
  app.add_option("--output", output_, "directory to write")->required();
  app.add_option("--rank", rank_, "directions to keep in every layer, 1..R (default: R)")
      ->check(integer(0));
  app.add_option("--first", first_,
                 "order the first K directions only, 1..R: ranks from K on stay what they are")
      ->check(integer(0));
  app.add_option("--energy", energy_,
                 "keep the smallest rank, the same for all layers, whose squared singular values "
                 "are this share of all, in 0..1")
      ->check(finite(0, 1));
  app.add_option(
         "--parameters", parameters_,
         "keep at most so many numbers, with ranks per layer: the directions that with --calibrate "
         "take most off the loss, else those of the largest singular values")
      ->check(integer(1, int64_t{1} << 50));
  app.add_option("--calibrate", calibrate_,
                 "JSON Lines file of records: weight errors by what the layers read in them");
  app.add_option("--model", model_,
                 "the base model, for --calibrate and for an adapter in a GGUF file");
  app.add_option("--limit", reading_.limit, "calibrate on the first N records; 0: all")
      ->check(integer(0))
      ->capture_default_str();
  app.add_option("--max-length", reading_.max_length, "cut records at so many tokens")
      ->check(integer(2, kMaxLength))
      ->capture_default_str();
  app.add_option("--inference-gate", gate_,
                 "paper|trained: the gate at the full rank; default: what the adapter records");
  app.add_flag("--fit", fit_,
               "fit gate numbers of every rank to sweep below the largest on the records");
  app.add_flag("--any-base", any_base_, "take an adapter that was trained on another base model");
  app.add_flag("--force", force_, "replace an existing output");
}

void Compress::check_flags(const CLI::App& app) const {
  const auto given = [&](const char* option) { return app.count(option) > 0; };
  const int sizes = given("--rank") + given("--energy") + given("--parameters");
  if (sizes > 1) {
    fail(given("--rank") ? "--rank" : "--energy",
         "expected one of --rank, --energy and --parameters, got ", sizes);
  }
  if (given("--first") && sizes > 0) {
    fail("--first", "keeps every direction; --rank, --energy and --parameters do not");
  }
  if (given("--energy") && energy_ <= 0) {
    fail("--energy", "expected a number above 0 and at most 1, got ", energy_);
  }
  if (!calibrate_.empty() && model_.empty()) {
    fail("--calibrate", "the records go through the base model; give --model PATH");
  }
  for (const char* option : {"--model", "--limit", "--max-length", "--fit"}) {
    const bool of_file = std::string(option) == "--model" && fs::is_regular_file(adapter_);
    if (calibrate_.empty() && given(option) && !of_file) {
      fail(option, "is for --calibrate, which is not given");
    }
  }
}

/// Nothing without --calibrate.
std::optional<Calibrated> Compress::calibrate(const Common& common,
                                              adapter::InferenceGate gate) const {
  if (calibrate_.empty()) return std::nullopt;
  // Gradients need the weights in memory.
  model::Model base =
      load_model(model_, common,
                 fit_ || parameters_ > 0 ? model::Weights::in_memory : model::Weights::on_demand);
  model::LoadedAdapter loaded = open_adapter_of(adapter_, base, any_base_);
  data::Examples examples = read_examples(base, calibrate_, reading_, common.quiet);
  eval::Calibration found = eval::gather_moments(base.decoder, loaded.adapter, gate, first_,
                                                 examples.items, common.quiet);
  say(common.quiet,
      cat("calibrated on ", examples.items.size(), " records, ", found.tokens, " tokens"));
  int64_t widest = 0;
  for (const auto& [layer, moment] : found.moments.of) widest = std::max(widest, moment.size(0));
  if (found.tokens < widest) {
    say(common.quiet,
        cat("note: too few records: ", found.tokens, " tokens, and the widest layer has ", widest,
            " inputs; the weights know only a part of them"));
  }
  return Calibrated{std::move(base), std::move(examples), std::move(found)};
}

void Compress::fit(const Calibrated& on, adapter::Adapter& adapter, bool quiet) const {
  std::vector<int64_t> ranks = adapter.rule.train_ranks;
  ranks.pop_back();  // the largest is what it was
  train::FitOptions options;
  options.quiet = quiet;
  for (const train::FittedRank& rank :
       train::fit_gates(on.base.decoder, adapter, ranks, on.examples.items, options)) {
    say(quiet,
        cat("rank ", rank.rank, ": calibration loss ", rank.before, ", fitted ", rank.after));
  }
}

model::Compression Compress::describe(const std::optional<Calibrated>& on, Choice& choice) const {
  model::Compression made{fs::absolute(adapter_).string(), on.has_value()};
  made.directions = first_;
  if (on) {
    made.tokens = on->found.tokens;
    made.regularisation = adapter::kMomentRegularisation;
  }
  made.kept_energy = choice.kept;
  made.singular_values = std::move(choice.nested.singular_values);
  return made;
}

/// What the budget is spent by: the loss over the records, or without any the singular values.
std::vector<adapter::LayerWorth> worth_of(const adapter::Renested& nested,
                                          const std::optional<Calibrated>& on, bool quiet) {
  return on ? train::worth_by_loss(on->base.decoder, nested, on->examples.items, quiet)
            : adapter::squared_values(nested);
}

Choice Compress::choose(const adapter::Adapter& full, adapter::InferenceGate gate,
                        const std::optional<Calibrated>& on, bool quiet) const {
  const int64_t all = full.rule.rank;
  const std::string where = (adapter_ / "adapter_model.safetensors").string();
  const int64_t rank = rank_ > 0 ? rank_ : all;
  Progress progress("re-nest", std::ssize(full.layers), quiet);
  const auto layers_done = [&](int64_t done) {
    constexpr double kShort_s = 2;  // nothing is said of less
    if (progress.elapsed_s() > kShort_s) progress.update(static_cast<double>(done), "");
  };
  const adapter::Moments* moments = on ? &on->found.moments : nullptr;
  adapter::Renested nested =
      first_ < all ? adapter::renest_first(full, gate, first_, moments, where, layers_done)
                   : adapter::renest(full, gate, rank, moments, where, layers_done);
  const size_t layers = nested.layers.size();
  std::vector<int64_t> ranks(layers, rank);
  if (energy_ > 0) ranks.assign(layers, adapter::rank_for_energy(nested, energy_));
  std::string words;
  if (parameters_ > 0) {
    ranks = adapter::ranks_within(worth_of(nested, on, quiet), parameters_);
    const auto [lowest, highest] = std::minmax_element(ranks.begin(), ranks.end());
    const int64_t per_rank = full.parameters(1);
    const int64_t uniform = std::min(parameters_ / per_rank, all);
    words = cat("ranks ", *lowest, "..", *highest, " of ", all, " (rank ", uniform,
                " everywhere: ", uniform * per_rank, " parameters, ",
                percent(adapter::kept_energy(nested, uniform)), ")");
  } else {
    words = first_ < all ? cat("the first ", first_, " of ", all, " directions in order")
                         : cat("rank ", ranks.front(), " of ", all);
  }
  const double kept = adapter::kept_energy(nested, ranks);
  return {adapter::cut(nested, ranks), words, kept};
}

int Compress::run(const Common& common, CLI::App& app) {
  check_flags(app);
  model::LoadedAdapter loaded = open_adapter(adapter_, model_);
  const adapter::Adapter& full = loaded.adapter;
  if (app.count("--rank") > 0) check_rank(rank_, full, "--rank", /*lowest=*/1);
  if (app.count("--first") > 0) check_rank(first_, full, "--first", /*lowest=*/1);
  if (first_ == 0) first_ = full.rule.rank;
  const adapter::InferenceGate gate =
      gate_.empty() ? full.inference_gate
                    : adapter::parse_inference_gate(gate_, "--inference-gate");
  for (const fs::path& input : {adapter_, calibrate_, model_}) keep_input(input, output_);
  OutputDirectory output(
      output_,
      {"compress", {"adapter_config.json", "adapter_model.safetensors", "matlora.json"}, force_});
  const std::optional<Calibrated> on = calibrate(common, gate);
  Choice choice = choose(full, gate, on, common.quiet);
  adapter::Adapter result = adapter::ordered_adapter(std::move(choice.nested.layers));
  if (fit_) fit(*on, result, common.quiet);
  if (on && loaded.info.base_digest.empty()) loaded.info.base_digest = on->base.digest;
  loaded.info.compressed = describe(on, choice);
  const auto writing = output.hold();
  model::save_adapter(output.path(), result, loaded.info);
  output.commit();
  if (!common.quiet) {
    std::cout << output_.string() << ": " << choice.words << ", " << result.layers.size() << " of "
              << full.layers.size() << " layers, " << result.parameters(result.rule.rank) << " of "
              << full.parameters(full.rule.rank) << " parameters, " << percent(choice.kept)
              << (on ? " of the weighted energy" : " of the energy") << "\n";
  }
  return 0;
}

}  // namespace

std::unique_ptr<Command> make_compress() { return std::make_unique<Compress>(); }

}  // namespace matlora::cli
