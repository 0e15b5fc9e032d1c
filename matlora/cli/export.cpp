// matlora export: any rank of an adapter in the form that another tool reads.
#include "matlora/base/error.h"
#include "matlora/cli/export_flags.h"

namespace matlora::cli {
namespace {

class Export : public Command {
 public:
  std::string name() const override { return "export"; }
  std::string summary() const override { return "write any rank for PEFT or llama.cpp"; }
  std::string example() const override {
    return "matlora export --adapter out --rank 4 --format gguf --model SmolLM2.gguf "
           "--output out-r4.gguf\n"
           "  matlora export --adapter out --rank-pattern ranks.json --format peft "
           "--output out-mixed";
  }
  std::string dtype_help() const override { return kWrittenDtype; }

  void add_options(CLI::App& app) override {
    flags_.add_options(app, "directions to keep, 1..R (default: R)");
    app.add_option("--format", flags_.format,
                   "peft: a directory; gguf: a file for llama.cpp, with the names and the order of "
                   "rows of its base")
        ->required();
  }

  int run(const Common& common, CLI::App&) override {
    if (flags_.format != "peft" && flags_.format != "gguf") {
      fail("--format", "expected peft or gguf, got '", printable(flags_.format), "'");
    }
    return flags_.run(common, name());
  }

 private:
  ExportFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_export() { return std::make_unique<Export>(); }

}  // namespace matlora::cli
