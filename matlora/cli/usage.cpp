#include "matlora/cli/usage.h"

#include <algorithm>
#include <optional>

#include "matlora/base/error.h"
#include "matlora/cli/config_file.h"
#include "matlora/cli/other_names.h"

namespace matlora::cli {
namespace {

/// A mistyped option is worth more words than the required one that it leaves missing.
void check_option_names(const CLI::App& app, const std::vector<std::string>& arguments) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) known.push_back(option->get_name());
  for (const std::string& argument : arguments) {
    if (argument.size() < 3 || argument.compare(0, 2, "--") != 0) continue;
    const std::string name = argument.substr(0, argument.find('='));
    if (app.get_option_no_throw(name) != nullptr) continue;
    std::string hint = other_name_hint(app, name);
    if (hint.empty()) hint = did_you_mean(name, known);
    fail("command line", "unknown option '", printable(name), "'", hint, "; see `matlora ",
         app.get_name(), " --help`");
  }
}

/// What the arguments give to `option`: "--option VALUE" or "--option=VALUE"; the last one.
std::optional<std::string> value_of(const std::string& option,
                                    const std::vector<std::string>& arguments) {
  std::optional<std::string> value;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == option && i + 1 < arguments.size()) value = arguments[i + 1];
    if (arguments[i].starts_with(option + "=")) value = arguments[i].substr(option.size() + 1);
  }
  return value;
}

bool is_given(const std::string& option, const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& argument) {
    return argument == option || argument.starts_with(option + "=");
  });
}

/// The option that a message of CLI11 is about: "" when it names none.
std::string option_in(const CLI::App& app, const std::string& message) {
  for (size_t at = message.find("--"); at != std::string::npos; at = message.find("--", at + 2)) {
    std::string name = message.substr(at, message.find_first_of(": ,=", at) - at);
    if (app.get_option_no_throw(name) != nullptr) return name;
  }
  return "";
}

/// CLI11's words for the mistake, without the option's name.
std::string words_of(const CLI::App& app, const CLI::Error& error, const std::string& option) {
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return "expected one value; give the option once, with a value";
  }
  std::string message = error.what();
  if (message.starts_with(option + ": ")) return message.substr(option.size() + 2);
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
    const bool is_flag = app.get_option(option)->get_expected_min() == 0;
    return is_flag ? "expected true or false" : "expected another kind of value";
  }
  return message;
}

/// The arguments that no option took, in their order.
[[noreturn]] void fail_extras(const CLI::App& app, const std::vector<std::string>& arguments) {
  std::vector<std::string> extras = app.remaining();
  std::vector<std::string> ordered;
  for (const std::string& argument : arguments) {
    const auto found = std::find(extras.begin(), extras.end(), argument);
    if (found == extras.end()) continue;
    ordered.push_back("'" + printable(argument) + "'");
    extras.erase(found);
  }
  std::string list;
  for (const std::string& argument : ordered) list += (list.empty() ? "" : " ") + argument;
  fail("command line", "unexpected argument", ordered.size() > 1 ? "s " : " ", list,
       "; an option begins with --, and a value with spaces needs quotes; see `matlora ",
       app.get_name(), " --help`");
}

/// A mistake in CLI11's words as one line of ours.
[[noreturn]] void fail_usage(const CLI::App& app, const CLI::Error& error,
                             const std::vector<std::string>& arguments,
                             const std::optional<ConfigFile>& config) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) fail_extras(app, arguments);
  const std::string help = cat("; see `matlora ", app.get_name(), " --help`");
  const std::string option = option_in(app, error.what());
  const bool is_required = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  if (option.empty() || is_required) {
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    fail("command line", printable(message, 200), help);
  }
  const std::string words = printable(words_of(app, error, option), 200);
  if (config && !is_given(option, arguments)) {
    const std::string key = option.substr(2), where = config->where(key);
    if (!where.empty()) fail(where, "'", key, "': ", words);
  }
  fail(option, words, help);
}

}  // namespace

void parse_arguments(CLI::App& app, const std::vector<std::string>& arguments) {
  check_option_names(app, arguments);
  std::optional<ConfigFile> config;
  if (const CLI::Option* option = app.get_config_ptr(); option != nullptr) {
    const auto path = value_of(option->get_name(), arguments);
    if (path && path->empty()) fail(option->get_name(), "expected a file, got nothing");
    if (path && !is_given("--help", arguments)) config.emplace(*path, app);
  }
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    throw;
  } catch (const CLI::CallForVersion&) {
    throw;
  } catch (const CLI::Error& error) {
    fail_usage(app, error, arguments, config);
  }
}

}  // namespace matlora::cli
