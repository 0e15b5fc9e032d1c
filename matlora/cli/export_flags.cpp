#include "matlora/cli/export_flags.h"

#include <iostream>

#include "matlora/adapter/slice.h"
#include "matlora/base/error.h"
#include "matlora/base/output.h"
#include "matlora/cli/process.h"
#include "matlora/format/gguf.h"
#include "matlora/format/path_kind.h"
#include "matlora/model/export.h"

namespace matlora::cli {

at::ScalarType written_dtype(const Common& common) {
  return common.dtype == "auto" ? at::kFloat : choose_dtype(common, at::kCPU);
}

void check_gguf_output(const fs::path& path, const std::string& kind, bool force) {
  if (path.extension() != ".gguf") {
    fail("--output", "expected a name that ends with .gguf, got '", printable(path.string()), "'");
  }
  if (!fs::exists(path)) return;
  const std::string what = format::what_is(path);
  if (!what.starts_with("a GGUF"))
    fail("--output", path.string(), " is ", what, "; it is not replaced");
  if (!force) fail("--output", path.string(), " exists; --force replaces it");
  const std::string there = format::Gguf::open(path).string_or("general.type", "model");
  if (there != kind) {
    fail("--output", path.string(), " is of general.type '", printable(there), "', not ", kind,
         "; it is not replaced");
  }
}

void ExportFlags::add_options(CLI::App& app, const std::string& rank_help) {
  app.add_option("--adapter", adapter, "adapter directory")->required();
  ranks.add_options(app, rank_help);
  app.add_option("--output", output, "what to write: a directory, or of gguf a .gguf file")
      ->required();
  app.add_option("--inference-gate", gate,
                 "paper: scale s(K); trained: the training gate, folded into B; "
                 "default: what the adapter records");
  app.add_option("--base-name", base_name,
                 "the Hugging Face repository or directory that PEFT loads the base from "
                 "(default: what the adapter records)");
  app.add_option(
      "--model", model,
      "the base, a HF directory or a .gguf file: for a GGUF output, and for an adapter in a "
      "GGUF file that does not say how many heads it is for (default: what the adapter was "
      "trained on)");
  app.add_flag("--force", force, "replace an existing output");
}

/// A plain PEFT adapter keeps what it says, unless that is a GGUF file.
void ExportFlags::name_base(model::AdapterInfo& info, bool quiet) const {
  const bool is_gguf = fs::path(info.base_model).extension() == ".gguf";
  if (!base_name.empty()) {
    info.base_name = base_name;
  } else if (info.base_name.empty() && is_gguf && format == "peft") {
    info.base_name = choose_base_name("", info.base_model, quiet);
  }
}

/// --model, or where the adapter was trained.
fs::path ExportFlags::base_path(const model::AdapterInfo& info) const {
  if (!model.empty()) return model;
  if (!info.base_model.empty() && fs::exists(info.base_model)) return info.base_model;
  fail("--model", "a GGUF adapter has the names and the rows of its base; give --model PATH",
       info.base_model.empty() ? "" : cat(" (", printable(info.base_model), " is not there)"));
}

int ExportFlags::run(const Common& common, const std::string& command) const {
  if (common.threads == 0) use_threads(1);  // copies: others would only wait for memory
  model::LoadedAdapter loaded = open_adapter(adapter, model, /*mapped=*/true);
  const adapter::Adapter& full = loaded.adapter;
  model::ExportOptions options;
  options.plan = ranks.plan(full, /*lowest=*/1);
  options.gate =
      gate.empty() ? full.inference_gate : adapter::parse_inference_gate(gate, "--inference-gate");
  options.dtype = written_dtype(common);
  options.file = loaded.mapped;
  for (const fs::path& input : {adapter, fs::path(model)}) keep_input(input, output);
  name_base(loaded.info, common.quiet);
  if (format == "gguf") {
    check_gguf_output(output, "adapter", force);
    const model::Configuration base = model::read_configuration(base_path(loaded.info));
    model::export_gguf(output, full, loaded.info, options, base);
  } else {
    if (!model.empty()) {
      model::check_layers(full, model::read_configuration(model), adapter.string());
    }
    OutputDirectory directory(
        output, {command, {"adapter_config.json", "adapter_model.safetensors"}, force});
    const auto writing = directory.hold();
    model::export_peft(directory.path(), full, loaded.info, options);
    directory.commit();
  }
  if (!common.quiet) {
    std::cout << output.string() << ": " << plan_text(options.plan, full) << ", "
              << adapter::sliced(full, options.plan, options.gate).size() << " layers, "
              << full.parameters(options.plan) << " parameters\n";
  }
  return 0;
}

}  // namespace matlora::cli
