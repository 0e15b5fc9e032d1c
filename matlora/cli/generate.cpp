#include <chrono>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>

#include "matlora/base/error.h"
#include "matlora/base/progress.h"
#include "matlora/cli/command.h"
#include "matlora/generate/decode.h"

namespace matlora::cli {
namespace {

struct GenerateFlags {
  std::string model, adapter, prompt, inference_gate;
  int64_t rank = 0, max_new_tokens = 256;
  double temperature = 0, top_p = 1;
  uint64_t seed = 42;
  bool any_base = false;
};

void check_flags(const GenerateFlags& flags, const CLI::App& app) {
  if (flags.max_new_tokens < 1) {
    fail("--max-new-tokens", "expected at least 1, got ", flags.max_new_tokens);
  }
  if (!(flags.temperature >= 0) || !std::isfinite(flags.temperature)) {
    fail("--temperature", "expected a number of at least 0, got ", flags.temperature);
  }
  if (!(flags.top_p > 0 && flags.top_p <= 1)) {
    fail("--top-p", "expected a number above 0 and at most 1, got ", flags.top_p);
  }
  if (!flags.adapter.empty()) return;
  if (flags.rank != 0) fail("--rank", "expected 0 without --adapter, got ", flags.rank);
  for (const char* flag : {"--inference-gate", "--any-base"}) {
    if (app.count(flag) > 0) fail(flag, "has no meaning without --adapter");
  }
}

/// Attaches the adapter at the rank and gate that the flags ask for.
void prepare_adapter(const GenerateFlags& flags, const CLI::App& app, model::Model& base) {
  model::LoadedAdapter loaded = attach_adapter(flags.adapter, base, flags.any_base);
  adapter::Adapter& adapter = loaded.adapter;
  const int64_t rank = app.count("--rank") > 0 ? flags.rank : adapter.rule.rank;
  check_rank(rank, adapter, "--rank");
  const adapter::InferenceGate gate =
      flags.inference_gate.empty()
          ? adapter.inference_gate
          : adapter::parse_inference_gate(flags.inference_gate, "--inference-gate");
  adapter.select_rank(rank, gate, base.llama.device());
}

std::vector<int32_t> encode_prompt(const GenerateFlags& flags, const model::Model& base) {
  std::vector<int32_t> prompt = base.tokenizer.encode(flags.prompt, /*add_special=*/true);
  if (prompt.empty()) {
    fail("--prompt", "the prompt is empty and the model has no token to begin with");
  }
  const auto length = static_cast<int64_t>(prompt.size());
  const int64_t room = base.config.max_position_embeddings;
  if (flags.max_new_tokens > room - length) {
    fail("--prompt", "the prompt's ", length, " tokens and --max-new-tokens ", flags.max_new_tokens,
         " are more than the ", room, " positions of the model");
  }
  return prompt;
}

class Generate : public Command {
 public:
  std::string name() const override { return "generate"; }
  std::string summary() const override { return "Complete a prompt at any rank of an adapter"; }
  std::string example() const override {
    return "matlora generate --model base.gguf --adapter out/ --rank 4 --prompt \"Question: 2+2?\"";
  }

  void add_options(CLI::App& app) override {
    app.add_option("--model", flags_.model, "HF model directory or .gguf file")->required();
    app.add_option("--adapter", flags_.adapter, "Adapter directory (matlora's or PEFT's)");
    app.add_option("--rank", flags_.rank, "Rank to use; 0 is the base model (default: full rank)");
    app.add_option("--prompt", flags_.prompt, "Text to go on from")->required();
    app.add_option("--max-new-tokens", flags_.max_new_tokens, "Tokens at most")
        ->capture_default_str();
    app.add_option("--temperature", flags_.temperature, "0: always the likeliest token")
        ->capture_default_str();
    app.add_option("--top-p", flags_.top_p, "Draw from the likeliest tokens of this probability")
        ->capture_default_str();
    app.add_option("--seed", flags_.seed, "Of the draws")->check(seed())->capture_default_str();
    app.add_option("--inference-gate", flags_.inference_gate,
                   "paper|trained (default: what the adapter records)");
    app.add_flag("--any-base", flags_.any_base, "Accept an adapter of another base model");
  }

  int run(const Common& common, CLI::App& app) override {
    check_flags(flags_, app);
    model::Model base = load_model(flags_.model, common);
    if (!flags_.adapter.empty()) prepare_adapter(flags_, app, base);
    const std::vector<int32_t> prompt = encode_prompt(flags_, base);

    generate::DecodeOptions options;
    options.max_new_tokens = flags_.max_new_tokens;
    options.stop_ids = base.stop_ids;
    options.sampling = {flags_.temperature, flags_.top_p};
    options.seed = flags_.seed;
    const auto start = std::chrono::steady_clock::now();
    generate::Utf8Stream stream;
    const auto show = [&](int32_t token) {
      std::cout << stream.feed(base.tokenizer.decode({&token, 1}, /*skip_special=*/true))
                << std::flush;
      return static_cast<bool>(std::cout);
    };
    const auto completion = generate::decode(base.llama, prompt, options, show);
    std::cout << stream.finish() << '\n' << std::flush;
    if (!std::cout) fail("stdout", "cannot be written");

    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::ostringstream rate;
    rate << std::fixed << std::setprecision(1)
         << static_cast<double>(completion.size()) / seconds.count();
    say(common.quiet, cat(prompt.size(), " prompt tokens, ", completion.size(), " new tokens, ",
                          rate.str(), " tokens/s"));
    return 0;
  }

 private:
  GenerateFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_generate() { return std::make_unique<Generate>(); }

}  // namespace matlora::cli
