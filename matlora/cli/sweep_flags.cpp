#include "matlora/cli/sweep_flags.h"

#include <charconv>

#include "matlora/base/error.h"
#include "matlora/base/input.h"

namespace matlora::cli {
namespace {

std::string last_part(const fs::path& path) {
  const fs::path normal = path.lexically_normal();
  return (normal.has_filename() ? normal : normal.parent_path()).filename().string();
}

/// The ranks of "1,2,4"; nothing for any other text.
std::optional<std::vector<int64_t>> parse_ranks(std::string_view text) {
  std::vector<int64_t> ranks;
  while (true) {
    int64_t rank = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
    if (error != std::errc() || rank < 0) return std::nullopt;
    ranks.push_back(rank);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.empty()) return ranks;
    if (text.front() != ',') return std::nullopt;
    text.remove_prefix(1);
  }
}

/// A directory of that very name wins over the parts that it could be read as.
AdapterFlag parse_adapter(const std::string& text) {
  AdapterFlag flag{"", text, {}};
  std::error_code error;
  if (fs::exists(text, error)) {
    flag.name = last_part(text);
    return flag;
  }
  std::string path = text;
  // So does one before the @: lora_adapters_step=00042.pt@1,2.
  if (const size_t sign = text.rfind('@'); sign != std::string::npos && sign > 0) {
    const auto ranks = parse_ranks(std::string_view(text).substr(sign + 1));
    if (ranks && fs::exists(text.substr(0, sign), error)) {
      return {last_part(text.substr(0, sign)), text.substr(0, sign), *ranks};
    }
  }
  if (const size_t sign = path.find('='); sign != std::string::npos) {
    flag.name = path.substr(0, sign);
    path.erase(0, sign + 1);
    if (flag.name.empty()) {
      fail("--adapter", "expected [NAME=]PATH[@RANKS], got '", printable(text), "'");
    }
  }
  if (const size_t sign = path.rfind('@'); sign != std::string::npos && !fs::exists(path, error)) {
    const auto ranks = parse_ranks(std::string_view(path).substr(sign + 1));
    if (!ranks) {
      fail("--adapter", "expected ranks such as 1,2,4 behind the @, got '", printable(text), "'");
    }
    flag.ranks = *ranks;
    path.erase(sign);
  }
  if (path.empty()) {
    fail("--adapter", "expected [NAME=]PATH[@RANKS], got '", printable(text), "'");
  }
  flag.path = path;
  if (flag.name.empty()) flag.name = last_part(path);
  return flag;
}

}  // namespace

void SweepFlags::add_options(CLI::App& app) {
  app.add_option("--model", model, "base model: a HF directory or a .gguf file")->required();
  app.add_option("--adapter", adapter_texts_,
                 "[NAME=]PATH[@RANKS], a directory or a file (.gguf, .pt); without one only the "
                 "base is scored, repeated they are "
                 "compared, and those of one name are one curve")
      ->allow_extra_args(false);
  evaluation.add_options(app, "");
  app.add_option("--ranks", ranks,
                 "ranks to score, 0 being the base model (default: 0 and the train ranks, or 0 and "
                 "the powers of two)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(integer(0));
  pattern.add_pattern(app);
  app.add_option("--inference-gate", inference_gate,
                 "paper or trained (default: what the adapter records)");
  app.add_option("--budget", budget,
                 "records, such as the training data: score ranks per layer too, as large as each "
                 "rank and chosen by what a direction takes off the loss of these");
  app.add_option("--output", output, "directory to write")->required();
  app.add_option(
      "--within", within,
      "a rank so near the best counts as good as it: 1% of it (default), or 0.01 below it");
  app.add_option("--compare", compare,
                 "NAME=DIR: an earlier sweep whose curve to draw too; may be repeated")
      ->allow_extra_args(false);
  app.add_flag("--samples", samples, "write samples.jsonl: every record and document");
  app.add_flag("--any-base", any_base, "accept an adapter that was trained on another base model");
  app.add_flag("--force", force, "replace the output directory");
}

void SweepFlags::check(const CLI::App& app) {
  for (const std::string& text : adapter_texts_) adapters.push_back(parse_adapter(text));
  if (evaluation.empty()) fail("--data", "nothing to score; give --data FILE or --task NAME");
  if (!inference_gate.empty()) adapter::parse_inference_gate(inference_gate, "--inference-gate");
  if (adapters.empty() && !inference_gate.empty()) {
    fail("--inference-gate", "there is no adapter; give --adapter DIR");
  }
  if (!pattern.pattern.empty()) check_pattern();
  for (const int64_t rank : ranks) {
    if (adapters.empty() && rank != 0) {
      fail("--ranks", "rank ", rank, " needs an adapter; give --adapter DIR");
    }
  }
  if (!budget.empty()) check_budget();
  evaluation.check(app, output);
  for (const AdapterFlag& flag : adapters) keep_input(flag.path, output);
  keep_input(model, output);
}

void SweepFlags::check_pattern() const {
  if (adapters.empty()) fail("--rank-pattern", "there is no adapter; give --adapter DIR");
  if (!budget.empty()) {
    fail("--rank-pattern", "it and --budget, which chooses ranks per layer, exclude each other");
  }
  keep_input(pattern.pattern, output);
}

void SweepFlags::check_budget() const {
  if (adapters.empty()) fail("--budget", "there is no adapter; give --adapter DIR");
  if (is_stream(budget)) {
    fail("--budget", "a pipe can be read only once; expected a file, got ", budget.string());
  }
  std::error_code error;
  if (!evaluation.data.empty() && fs::equivalent(budget, evaluation.data, error)) {
    fail("--budget",
         "these are the records of --data, which would look better than they are; "
         "expected others, such as the training data");
  }
  keep_input(budget, output);
}

report::ReportOptions SweepFlags::report_options() const {
  report::ReportOptions options;
  options.samples = samples;
  if (!within.empty()) options.within = eval::parse_within(within, "--within");
  for (const std::string& text : compare) {
    const size_t sign = text.find('=');
    if (sign == std::string::npos || sign == 0 || sign + 1 == text.size()) {
      fail("--compare", "expected NAME=DIR, got '", printable(text), "'");
    }
    keep_input(text.substr(sign + 1), output);
    for (eval::AdapterSweep& sweep :
         report::read_sweeps(text.substr(sign + 1), text.substr(0, sign))) {
      options.earlier.push_back(std::move(sweep));
    }
  }
  return options;
}

}  // namespace matlora::cli
