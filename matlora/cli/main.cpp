// The program: finds the command, parses its options, runs it, turns failures into exit codes.
#include <c10/util/Exception.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/interrupt.h"
#include "matlora/base/version.h"
#include "matlora/cli/command.h"
#include "matlora/cli/flag_names.h"
#include "matlora/cli/process.h"
#include "matlora/cli/usage.h"

namespace matlora::cli {
namespace {

constexpr int kOk = 0, kUserError = 2, kBug = 70;
constexpr char kNoMemory[] = "error: memory: not enough; fewer or shorter sequences at once help\n";

std::vector<std::unique_ptr<Command>> commands() {
  std::vector<std::unique_ptr<Command>> all;
  all.push_back(make_train());
  all.push_back(make_sweep());
  all.push_back(make_slice());
  all.push_back(make_export());
  all.push_back(make_merge());
  all.push_back(make_compress());
  all.push_back(make_generate());
  all.push_back(make_tokenize());
  all.push_back(make_inspect());
  return all;
}

/// "matlora 0.1.0 (0123456789ab)"; without the commit where it is not known.
std::string version_text() {
  const std::string text = "matlora " + version();
  return commit().empty() ? text : text + " (" + commit() + ")";
}

void print_overview() {
  std::cout << "matlora " << version()
            << ": trains nested LoRA adapters, measures every rank, ships any of them\n\n"
               "Usage: matlora COMMAND [options]\n\nCommands:\n";
  for (const auto& command : commands()) {
    std::cout << "  " << command->name() << std::string(11 - command->name().size(), ' ')
              << command->summary() << "\n";
  }
  std::cout << "\n`matlora COMMAND --help` shows a command's options and an example.\n";
}

void add_common_options(CLI::App& app, Common& common, const std::string& dtype_help) {
  app.add_option("--threads", common.threads, "processor threads; 0: all")
      ->check(integer(0, most_threads()))
      ->capture_default_str();
  app.add_option("--device", common.device, "auto|cpu|cuda[:N]")->capture_default_str();
  app.add_option("--dtype", common.dtype, dtype_help)->capture_default_str();
  app.set_version_flag("--version", version_text())->configurable(false);
  app.add_flag("--quiet", common.quiet, "no progress, no messages")->configurable(false);
}

int run_command(Command& command, const std::vector<std::string>& arguments) {
  CLI::App app(command.summary(), command.name());
  app.footer("Example:\n  " + command.example());
  app.get_formatter()->column_width(34);
  Common common;
  command.add_options(app);
  add_common_options(app, common, command.dtype_help());
  try {
    parse_arguments(app, arguments);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return kOk;
  } catch (const CLI::CallForVersion&) {
    std::cout << app.version() << "\n";
    return kOk;
  }
  use_threads(common.threads);
  return command.run(common, app);
}

int dispatch(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" ||
      arguments[0] == "help") {
    print_overview();
    return arguments.empty() ? kUserError : kOk;
  }
  if (arguments[0] == "--version") {
    std::cout << version_text() << "\n";
    return kOk;
  }
  std::vector<std::string> names;
  for (const auto& command : commands()) {
    names.push_back(command->name());
    if (names.back() != arguments[0]) continue;
    const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    return run_command(*command, rest);
  }
  fail("command line", "unknown command '", printable(arguments[0]), "'",
       did_you_mean(arguments[0], names), "; see `matlora --help`");
}

int run_guarded(const std::vector<std::string>& arguments) {
  try {
    const int code = dispatch(arguments);
    if (!std::cout.flush()) fail("stdout", "cannot write the result");
    return code;
  } catch (const UserError& error) {
    std::cerr << "error: " << shown(error) << "\n";
    return kUserError;
  } catch (const fs::filesystem_error& error) {
    std::cerr << "error: " << error.path1().string() << ": " << error.code().message() << "\n";
    return kUserError;
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    if (message.find("allocate memory") != message.npos ||
        message.find("out of memory") != message.npos) {
      std::cerr << kNoMemory;
      return kUserError;
    }
    std::cerr << "bug: " << message << "\n";
  } catch (const std::bad_alloc&) {
    std::cerr << kNoMemory;
    return kUserError;
  } catch (const std::exception& error) {
    std::cerr << "bug: " << error.what() << "\n";
  }
  return kBug;
}

}  // namespace
}  // namespace matlora::cli

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  const bool runs_model =
      command == "train" || command == "sweep" || command == "generate" || command == "compress";
  if (runs_model || command == "merge") matlora::cli::restart_with_wishes(argv);
  if (runs_model) matlora::cli::keep_freed_memory();
  const bool writes = command == "slice" || command == "export" || command == "merge";
  if (runs_model || writes) matlora::watch_interrupts();
  return matlora::cli::run_guarded({argv + 1, argv + argc});
}
