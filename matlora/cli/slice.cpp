// matlora slice: the first K directions of an adapter as a plain PEFT adapter.
#include <iostream>

#include "matlora/base/error.h"
#include "matlora/base/output.h"
#include "matlora/cli/command.h"

namespace matlora::cli {
namespace {

class Slice : public Command {
 public:
  std::string name() const override { return "slice"; }
  std::string summary() const override { return "write one rank of an adapter for PEFT"; }
  std::string example() const override {
    return "matlora slice --adapter out --rank 4 --output out-r4";
  }

  void add_options(CLI::App& app) override {
    app.add_option("--adapter", adapter_, "adapter directory or file")->required();
    app.add_option("--rank", rank_, "directions to keep, 1..R")->check(integer(0))->required();
    app.add_option("--output", output_, "directory to write")->required();
    app.add_option("--inference-gate", gate_,
                   "paper: scale s(K); trained: the training gate, folded into B; "
                   "default: what the adapter records");
    app.add_option("--base-name", base_name_,
                   "the Hugging Face repository or directory that PEFT loads the base from "
                   "(default: what the adapter records)");
    app.add_option("--model", model_,
                   "the base model, for an adapter in a GGUF file that does not say how many heads "
                   "it is for");
    app.add_flag("--force", force_, "replace an existing output");
  }

  int run(const Common& common, CLI::App&) override {
    model::LoadedAdapter loaded = open_adapter(adapter_, model_);
    const adapter::Adapter& full = loaded.adapter;
    check_rank(rank_, full, "--rank", /*lowest=*/1);
    const adapter::InferenceGate gate =
        gate_.empty() ? full.inference_gate
                      : adapter::parse_inference_gate(gate_, "--inference-gate");
    keep_input(adapter_, output_);
    keep_input(model_, output_);
    name_base(loaded.info, common.quiet);
    OutputDirectory output(output_,
                           {"slice", {"adapter_config.json", "adapter_model.safetensors"}, force_});
    const auto writing = output.hold();
    model::save_slice(output.path(), full, rank_, gate, loaded.info);
    output.commit();
    if (!common.quiet) {
      std::cout << output_ << ": rank " << rank_ << " of " << full.rule.rank << ", "
                << full.layers.size() << " layers, " << full.parameters(rank_) << " parameters\n";
    }
    return 0;
  }

 private:
  /// A plain PEFT adapter keeps what it says, unless that is a GGUF file.
  void name_base(model::AdapterInfo& info, bool quiet) const {
    const bool is_gguf = fs::path(info.base_model).extension() == ".gguf";
    if (!base_name_.empty()) {
      info.base_name = base_name_;
    } else if (info.base_name.empty() && is_gguf) {
      info.base_name = choose_base_name("", info.base_model, quiet);
    }
  }

  std::string adapter_, output_, gate_, base_name_, model_;
  int64_t rank_ = 0;
  bool force_ = false;
};

}  // namespace

std::unique_ptr<Command> make_slice() { return std::make_unique<Slice>(); }

}  // namespace matlora::cli
