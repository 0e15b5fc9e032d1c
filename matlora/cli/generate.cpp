#include <cerrno>
#include <cmath>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <span>

#include "matlora/adapter/bank.h"
#include "matlora/base/error.h"
#include "matlora/base/interrupt.h"
#include "matlora/base/json.h"
#include "matlora/base/progress.h"
#include "matlora/base/utf8.h"
#include "matlora/cli/command.h"
#include "matlora/cli/rank_flags.h"
#include "matlora/data/prompts.h"
#include "matlora/generate/decode.h"
#include "matlora/text/token_stream.h"

namespace matlora::cli {
namespace {

struct GenerateFlags {
  std::string model, adapter, prompt, question, prompts, inference_gate;
  RankFlags ranks;
  int64_t max_new_tokens = 256, batch_size = 8, limit = 0;
  double temperature = 0, top_p = 1;
  uint64_t seed = 42;
  bool ignore_eos = false, any_base = false;
};

void check_source(const GenerateFlags& flags, const CLI::App& app) {
  std::vector<std::string> given;
  for (const char* flag : {"--prompt", "--question", "--prompts"}) {
    if (app.count(flag) > 0) given.emplace_back(flag);
  }
  if (given.empty()) {
    fail("--prompt", "nothing to complete; give --prompt TEXT, --question TEXT or --prompts FILE");
  }
  if (given.size() > 1) fail(given[1], "it and ", given[0], " exclude each other");
  if (!flags.prompts.empty()) return;
  for (const char* flag : {"--batch-size", "--limit"}) {
    if (app.count(flag) > 0) fail(flag, "has no meaning without --prompts");
  }
}

void check_flags(const GenerateFlags& flags, const CLI::App& app) {
  check_source(flags, app);
  if (app.count("--question") > 0 && flags.question.empty()) {
    fail("--question", "expected a question, got nothing");
  }
  if (flags.top_p == 0) fail("--top-p", "expected a number above 0 and at most 1, got 0");
  if (!flags.adapter.empty()) return;
  if (flags.ranks.rank > 0) {
    fail("--rank", "expected 0 without --adapter, got ", flags.ranks.rank);
  }
  for (const char* flag : {"--rank-pattern", "--inference-gate", "--any-base"}) {
    if (app.count(flag) > 0) fail(flag, "has no meaning without --adapter");
  }
}

/// Puts the adapter on the model at the rank and gate that the flags ask for.
void prepare_adapter(const GenerateFlags& flags, model::Model& base) {
  model::LoadedAdapter loaded = open_adapter_of(flags.adapter, base, flags.any_base);
  const adapter::Adapter& adapter = loaded.adapter;
  const adapter::RankPlan plan = flags.ranks.plan(adapter, /*lowest=*/0);
  const adapter::InferenceGate gate =
      flags.inference_gate.empty()
          ? adapter.inference_gate
          : adapter::parse_inference_gate(flags.inference_gate, "--inference-gate");
  base.decoder = adapter::with_adapter(base.decoder, adapter, plan, gate);
  nn::merge_deltas(base.decoder);
}

/// The prompts of --prompts, or the one of --prompt or --question.
std::vector<data::Prompt> read_prompts(const GenerateFlags& flags, const model::Model& base) {
  std::vector<data::Prompt> prompts;
  if (!flags.prompts.empty()) {
    prompts = data::read_prompts(flags.prompts, base.tokenizer, flags.limit);
  } else {
    const bool asked = !flags.question.empty();
    prompts.push_back(
        {base.tokenizer.encode(asked ? data::question_prompt(flags.question) : flags.prompt,
                               /*add_special=*/true),
         asked ? "--question" : "--prompt"});
  }
  const int64_t positions = base.config.max_position_embeddings;
  for (const data::Prompt& prompt : prompts) {
    const auto length = static_cast<int64_t>(prompt.tokens.size());
    if (length == 0) {
      fail(prompt.where, "the prompt is empty and the model has no token to begin with");
    }
    if (flags.max_new_tokens > positions - length) {
      fail(prompt.where, "the prompt's ", length, " tokens and --max-new-tokens ",
           flags.max_new_tokens, " are more than the ", positions, " positions of the model");
    }
  }
  return prompts;
}

/// Each prompt draws from its own seed, whatever else is in the file before it is done.
std::vector<generate::Request> requests_of(const std::vector<data::Prompt>& prompts,
                                           const GenerateFlags& flags, const model::Model& base) {
  generate::DecodeOptions options;
  options.max_new_tokens = flags.max_new_tokens;
  if (!flags.ignore_eos) options.stop_ids = base.stop_ids;
  options.sampling = {flags.temperature, flags.top_p};
  options.seed = flags.seed;
  std::vector<generate::Request> requests;
  for (const data::Prompt& prompt : prompts) {
    requests.push_back({prompt.tokens, options});
    ++options.seed;
  }
  return requests;
}

/// Writes to stdout until its reader is gone (`| head`), which is no fault.
class Printer {
 public:
  /// Throws UserError for any failure but that one.
  void print(const std::string& text) {
    std::cout << text << std::flush;
    if (std::cout || left_) return;
    if (errno != EPIPE) fail("stdout", "cannot be written: ", std::strerror(errno));
    left_ = true;
  }

  bool reader_left() const { return left_; }

 private:
  bool left_ = false;
};

bool interrupted() { return interrupt_signal() != 0; }

/// The one completion as plain text, piece by piece as it comes.
generate::DecodeStats print_text(const generate::Request& request, const model::Model& base) {
  const LongRun long_run("stopping");
  Printer printer;
  text::TokenStream stream(base.tokenizer, /*skip_special=*/true);
  generate::BatchEvents events;
  events.on_token = [&](size_t, int32_t token) {
    printer.print(stream.feed(token));
    return !printer.reader_left() && !interrupted();
  };
  events.stop = interrupted;
  const auto stats = generate::decode_batch(base.decoder, {&request, 1}, 1, events);
  printer.print(stream.finish() + "\n");
  return stats;
}

/// Prints a JSON line for each completion, in the order of the prompts: one that is done early
/// waits.
class LinePrinter {
 public:
  explicit LinePrinter(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void add(size_t index, const std::vector<int32_t>& completion) {
    const std::string bytes = tokenizer_.decode(completion, /*skip_special=*/true);
    const Json line = {
        {"index", index}, {"text", valid_utf8(bytes)}, {"tokens", completion.size()}};
    waiting_[index] = line.dump();
    for (auto first = waiting_.find(next_); first != waiting_.end();
         first = waiting_.find(++next_)) {
      print(first->second);
      waiting_.erase(first);
    }
  }

  /// What is done behind one that is not.
  void finish() {
    for (const auto& [index, line] : waiting_) print(line);
    waiting_.clear();
  }

  size_t printed() const { return printed_; }
  bool reader_left() const { return printer_.reader_left(); }

 private:
  void print(const std::string& line) {
    printer_.print(line + "\n");
    ++printed_;
  }

  Printer printer_;
  const text::Tokenizer& tokenizer_;
  std::map<size_t, std::string> waiting_;
  size_t next_ = 0, printed_ = 0;
};

generate::DecodeStats print_lines(std::span<const generate::Request> requests, int64_t batch_size,
                                  const model::Model& base) {
  const LongRun long_run("stopping; answers that are done are printed; again to stop now");
  LinePrinter printer(base.tokenizer);
  generate::BatchEvents events;
  events.on_finished = [&](size_t index, const std::vector<int32_t>& completion) {
    printer.add(index, completion);
  };
  events.stop = [&] { return interrupted() || printer.reader_left(); };
  const auto stats = generate::decode_batch(base.decoder, requests, batch_size, events);
  printer.finish();
  if (interrupted()) {
    say(false, cat("interrupted: ", printer.printed(), " of ", requests.size(), " prompts done"));
  }
  return stats;
}

/// "12 tokens, 40.0 tokens/s"
std::string rate_text(int64_t tokens, double seconds) {
  std::ostringstream text;
  text << tokens << " tokens";
  if (tokens > 0) {
    text << std::fixed << std::setprecision(1) << ", " << static_cast<double>(tokens) / seconds
         << " tokens/s";
  }
  return text.str();
}

class Generate : public Command {
 public:
  std::string name() const override { return "generate"; }
  std::string summary() const override { return "Complete prompts at any rank of an adapter"; }
  std::string example() const override {
    return "matlora generate --model base.gguf --adapter out --rank 4 --question \"What is 2+2?\"\n"
           "  matlora generate --model base.gguf --prompts test.jsonl --batch-size 32 > "
           "out.jsonl\n\n"
           "--question TEXT is the prompt 'Question: TEXT', a line break, 'Answer: ' with a space "
           "at "
           "the end:\nthe form in which train reads records with a question and an answer.";
  }

  void add_options(CLI::App& app) override {
    app.add_option("--model", flags_.model, "HF model directory or .gguf file")->required();
    app.add_option("--adapter", flags_.adapter, "Adapter directory (matlora's or PEFT's)");
    flags_.ranks.add_options(app, "Rank to use; 0 is the base model (default: full rank)");
    app.add_option("--prompt", flags_.prompt, "Text to complete; the completion is printed");
    app.add_option("--question", flags_.question,
                   "Question to answer, put as in training: 'Question: TEXT\\nAnswer: '");
    app.add_option(
        "--prompts", flags_.prompts,
        "JSONL file of records with 'prompt' or 'question', - or a pipe; one JSON line is printed "
        "for each: index, text, tokens");
    app.add_option("--batch-size", flags_.batch_size, "Of --prompts: completed at the same time")
        ->check(integer(1))
        ->capture_default_str();
    app.add_option("--limit", flags_.limit, "Of --prompts: the first ones; 0: all")
        ->check(integer(0))
        ->capture_default_str();
    app.add_option("--max-new-tokens", flags_.max_new_tokens, "Tokens at most, for each prompt")
        ->check(integer(1))
        ->capture_default_str();
    app.add_flag("--ignore-eos", flags_.ignore_eos,
                 "Continue behind the end-of-text token (for benchmarks)");
    app.add_option("--temperature", flags_.temperature, "0: always the likeliest token")
        ->check(finite(0, 1e6))
        ->capture_default_str();
    app.add_option("--top-p", flags_.top_p, "Draw from the likeliest tokens of this probability")
        ->check(finite(0, 1))
        ->capture_default_str();
    app.add_option("--seed", flags_.seed, "Of the draws; prompt i of a file has seed + i")
        ->check(seed())
        ->capture_default_str();
    app.add_option("--inference-gate", flags_.inference_gate,
                   "paper|trained (default: what the adapter records)");
    app.add_flag("--any-base", flags_.any_base, "Accept an adapter of another base model");
  }

  int run(const Common& common, CLI::App& app) override {
    check_flags(flags_, app);
    model::Model base = load_model(flags_.model, common);
    if (!flags_.adapter.empty()) prepare_adapter(flags_, base);
    const std::vector<generate::Request> requests =
        requests_of(read_prompts(flags_, base), flags_, base);
    const generate::DecodeStats stats = flags_.prompts.empty()
                                            ? print_text(requests.front(), base)
                                            : print_lines(requests, flags_.batch_size, base);
    std::cout.clear();  // a reader that left has what it wanted
    if (interrupted()) return 128 + interrupt_signal();
    say(common.quiet, cat("prefill: ", rate_text(stats.prefill_tokens, stats.prefill_s),
                          "; decode: ", rate_text(stats.decode_tokens, stats.decode_s)));
    return 0;
  }

 private:
  GenerateFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_generate() { return std::make_unique<Generate>(); }

}  // namespace matlora::cli
