// From a command's arguments to its options; mistakes in CLI11's words become errors in ours.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace matlora::cli {

/// Parses `arguments` (without the command) and a file that --config names into what `app`'s
/// options are bound to. Throws UserError: one that names the option, or FILE:LINE and the key of
/// --config; CLI::CallForHelp and CLI::CallForVersion pass.
void parse_arguments(CLI::App& app, const std::vector<std::string>& arguments);

}  // namespace matlora::cli
