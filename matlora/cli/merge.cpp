// matlora merge: a base model with a rank of an adapter in its weights.
#include "matlora/model/merge.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <iomanip>
#include <iostream>

#include "matlora/adapter/bank.h"
#include "matlora/base/error.h"
#include "matlora/base/interrupt.h"
#include "matlora/base/output.h"
#include "matlora/base/progress.h"
#include "matlora/cli/export_flags.h"
#include "matlora/cli/rank_flags.h"
#include "matlora/model/adapter_for.h"

namespace matlora::cli {
namespace {

constexpr char kProbe[] =
    "A nested adapter is one adapter of every rank. The first directions carry the most, and those "
    "behind them the rest: 1, 2, 4, 8, 16. Which one is enough? That depends on the task.";
constexpr size_t kProbeTokens = 64;

std::optional<format::GgmlType> type_of(const std::string& dtype) {
  if (dtype == "auto") return std::nullopt;
  if (dtype == "float32") return format::GgmlType::f32;
  if (dtype == "float16") return format::GgmlType::f16;
  if (dtype == "bfloat16") return format::GgmlType::bf16;
  if (dtype == "q8_0") return format::GgmlType::q8_0;
  fail("--dtype", "unknown dtype '", printable(dtype),
       "'; expected auto|float32|bfloat16|float16|q8_0");
}

/// Tokens of the probe text that the model has positions for; of a model without a useful tokenizer
/// its first ids.
std::vector<int64_t> probe_tokens(const model::Model& base) {
  std::vector<int64_t> tokens;
  for (const int32_t id : base.tokenizer.encode(kProbe)) {
    if (id < base.config.vocab_size) tokens.push_back(id);
  }
  const auto positions = static_cast<size_t>(base.config.max_position_embeddings);
  tokens.resize(std::min({tokens.size(), positions, kProbeTokens}));
  if (tokens.empty()) tokens.push_back(0);
  return tokens;
}

/// [N, V] float32 of the probe's tokens, on the CPU.
at::Tensor logits_of(const nn::Decoder& decoder, const std::vector<int64_t>& tokens) {
  const c10::NoGradGuard no_grad;
  const std::vector<int64_t> lengths = {static_cast<int64_t>(tokens.size())};
  return decoder.logits(decoder.hidden(at::tensor(tokens, at::kLong), lengths));
}

struct Probe {
  std::vector<int64_t> tokens;
  at::Tensor logits;
};

class MergeCommand : public Command {
 public:
  std::string name() const override { return "merge"; }
  std::string summary() const override { return "write the base with a rank in its weights"; }
  std::string example() const override {
    return "matlora merge --model SmolLM2.gguf --adapter out --rank 4 --dtype q8_0 "
           "--output merged.gguf\n"
           "  matlora merge --model Llama-3 --adapter out --rank 16 --output merged "
           "--max-shard-size 2GB";
  }
  std::string dtype_help() const override {
    return "of what is written: auto (the base's; of quantised ones float16)|float32|bfloat16|"
           "float16|q8_0 (GGUF)";
  }

  void add_options(CLI::App& app) override {
    app.add_option("--model", model_, "base model: a HF directory or a .gguf file")->required();
    app.add_option("--adapter", adapter_, "adapter directory")->required();
    ranks_.add_options(app, "directions to merge, 1..R (default: R)");
    app.add_option("--output", output_,
                   "what to write: a HF directory, or a file that ends with .gguf")
        ->required();
    app.add_option("--max-shard-size", shard_size_, "of a file of a directory")
        ->capture_default_str();
    app.add_option("--inference-gate", gate_,
                   "paper or trained (default: what the adapter records)");
    app.add_flag("--any-base", any_base_, "accept an adapter that was trained on another base");
    app.add_flag("--no-check", no_check_, "do not compare the logits of a text at the end");
    app.add_flag("--force", force_, "replace an existing output");
  }

  int run(const Common& common, CLI::App& app) override;

 private:
  Probe probe_unmerged(const adapter::Adapter& adapter, const model::MergeOptions& options,
                       bool check, const model::AdapterInfo& info) const;
  void report(const Probe& expected) const;

  fs::path model_, adapter_, output_;
  std::string shard_size_ = "5GB", gate_;
  RankFlags ranks_;
  bool any_base_ = false, no_check_ = false, force_ = false;
};

/// The base with the adapter on it.
Probe MergeCommand::probe_unmerged(const adapter::Adapter& adapter,
                                   const model::MergeOptions& options, bool check,
                                   const model::AdapterInfo& info) const {
  const model::Model base = model::load(model_, at::kFloat, at::kCPU, model::Weights::on_demand);
  if (!any_base_) model::check_base(info, base, adapter_.string());
  if (!check) return {};
  Probe probe{probe_tokens(base), {}};
  probe.logits = logits_of(adapter::with_adapter(base.decoder, adapter, options.plan, options.gate),
                           probe.tokens);
  return probe;
}

void MergeCommand::report(const Probe& expected) const {
  const model::Model merged = model::load(output_, at::kFloat, at::kCPU, model::Weights::on_demand);
  const at::Tensor logits = logits_of(merged.decoder, expected.tokens);
  const double difference = (logits - expected.logits).abs().max().item<double>();
  const double largest = expected.logits.abs().max().item<double>();
  std::cout << "logits of " << expected.tokens.size() << " tokens: within " << std::setprecision(3)
            << difference << " of the unmerged model's, which reach " << largest << "\n";
}

int MergeCommand::run(const Common& common, CLI::App&) {
  model::MergeOptions options;
  options.type = type_of(common.dtype);
  options.max_shard_bytes = model::parse_bytes(shard_size_, "--max-shard-size");
  options.to_gguf = output_.extension() == ".gguf";
  keep_input(adapter_, output_);
  keep_input(model_, output_);
  if (options.to_gguf) check_gguf_output(output_, "model", force_);
  const model::LoadedAdapter loaded = open_adapter(adapter_, model_, /*mapped=*/true);
  const adapter::Adapter& adapter = loaded.adapter;
  options.file = loaded.mapped;
  options.plan = ranks_.plan(adapter, /*lowest=*/1);
  options.gate = gate_.empty() ? adapter.inference_gate
                               : adapter::parse_inference_gate(gate_, "--inference-gate");
  const model::Merge merge(model_, adapter, options);
  std::optional<OutputDirectory> directory;
  if (!options.to_gguf) directory.emplace(output_, OutputUse{"merge", merge.files(), force_});
  const bool known = any_base_ || loaded.info.base_digest.empty();
  Probe expected;
  const bool check = !no_check_ && !common.quiet;
  if (!known || check) expected = probe_unmerged(adapter, options, check, loaded.info);

  {
    const LongRun long_run("stopping; nothing is written");
    Progress progress("merge", static_cast<int64_t>(merge.bytes()), common.quiet);
    const bool whole = merge.write(directory ? directory->path() : output_, [&](uint64_t done) {
      progress.update(static_cast<double>(done), "");
      return interrupt_signal() == 0;
    });
    if (!whole) return 128 + interrupt_signal();
    if (directory) directory->commit();
  }
  if (common.quiet) return 0;
  std::cout << output_.string() << ": " << plan_text(options.plan, adapter) << " merged, "
            << merge.bytes() << " bytes of " << format::ggml_type_name(merge.type()) << "\n";
  if (check) report(expected);
  return 0;
}

}  // namespace

std::unique_ptr<Command> make_merge() { return std::make_unique<MergeCommand>(); }

}  // namespace matlora::cli
