// matlora slice: the first K directions of an adapter as a plain PEFT adapter. export's short form.
#include "matlora/base/error.h"
#include "matlora/cli/export_flags.h"

namespace matlora::cli {
namespace {

class Slice : public Command {
 public:
  std::string name() const override { return "slice"; }
  std::string summary() const override { return "write one rank of an adapter for PEFT"; }
  std::string example() const override {
    return "matlora slice --adapter out --rank 4 --output out-r4\n"
           "  matlora slice --adapter out --rank-pattern ranks.json --output out-mixed";
  }
  std::string dtype_help() const override { return kWrittenDtype; }

  void add_options(CLI::App& app) override { flags_.add_options(app, "directions to keep, 1..R"); }

  int run(const Common& common, CLI::App&) override {
    if (!flags_.ranks.given()) fail("--rank", "is required where there is no --rank-pattern");
    return flags_.run(common, name());
  }

 private:
  ExportFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_slice() { return std::make_unique<Slice>(); }

}  // namespace matlora::cli
