// What `export` and its short form `slice` share: the flags, and what is done.
#pragma once

#include <string>

#include "matlora/cli/command.h"
#include "matlora/cli/rank_flags.h"

namespace matlora::cli {

struct ExportFlags {
  fs::path adapter, model, output;
  std::string format = "peft", gate, base_name;
  RankFlags ranks;
  bool force = false;

  /// All but --format and --model.
  void add_options(CLI::App& app, const std::string& rank_help);

  /// Writes it, and says on stdout what. command: the command's name.
  int run(const Common& common, const std::string& command) const;

 private:
  void name_base(model::AdapterInfo& info, bool quiet) const;
  fs::path base_path(const model::AdapterInfo& info) const;
};

/// The dtype that is written; auto: float32. Throws UserError for another word.
at::ScalarType written_dtype(const Common& common);

/// Throws UserError unless `path` is the name of a .gguf file that may be written: it is not there,
/// or `force` is given and it is a GGUF file of this kind (general.type: "adapter" or "model").
void check_gguf_output(const fs::path& path, const std::string& kind, bool force);

}  // namespace matlora::cli
