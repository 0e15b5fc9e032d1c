#include "matlora/cli/config_file.h"

#include <iterator>
#include <sstream>

#include "matlora/base/error.h"
#include "matlora/cli/other_names.h"

namespace matlora::cli {

ConfigFile::ConfigFile(const fs::path& path, const CLI::App& app)
    : path_(path), entries_(parse_toml(read_file(path), path.string())) {
  for (const TomlEntry& entry : entries_) check_key(entry, app);
}

void ConfigFile::check_key(const TomlEntry& entry, const CLI::App& app) const {
  const std::string place = cat(path_.string(), ":", entry.line);
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_configurable()) known.push_back(option->get_name().substr(2));
  }
  const CLI::Option* option = app.get_option_no_throw("--" + entry.key);
  if (option == nullptr) {
    std::string hint = other_name_hint(app, entry.key, "");
    if (hint.empty()) hint = did_you_mean(entry.key, known);
    fail(place, "unknown key '", printable(entry.key), "'", hint, "; keys are options without --");
  }
  if (!option->get_configurable()) {
    fail(place, "'", entry.key, "' is not taken from a file; give --", entry.key,
         " on the command line");
  }
  if (entry.list && option->get_items_expected_max() == 1) {
    fail(place, "'", entry.key, "': expected one value, got a list");
  }
}

std::string ConfigFile::where(const std::string& key) const {
  for (const TomlEntry& entry : entries_) {
    if (entry.key == key) return cat(path_.string(), ":", entry.line);
  }
  return "";
}

std::vector<CLI::ConfigItem> TomlConfig::from_config(std::istream& input) const {
  const std::string text(std::istreambuf_iterator<char>(input), {});
  std::vector<CLI::ConfigItem> items;
  for (TomlEntry& entry : parse_toml(text, "--config")) {
    CLI::ConfigItem item;
    item.name = std::move(entry.key);
    item.inputs = std::move(entry.values);
    items.push_back(std::move(item));
  }
  return items;
}

namespace {

/// What was given, else the default; CLI11 has that of a list as "[1,2]".
std::vector<std::string> values_of(const CLI::Option& option) {
  if (option.count() > 0) return option.reduced_results();
  if (option.get_expected_min() == 0) return {"false"};  // a flag
  std::string text = option.get_default_str();
  if (!text.starts_with('[') || !text.ends_with(']')) return {text};
  std::vector<std::string> values;
  std::istringstream parts(text.substr(1, text.size() - 2));
  for (std::string value; std::getline(parts, value, ',');) values.push_back(value);
  return values;
}

}  // namespace

std::string TomlConfig::to_config(const CLI::App* app, bool, bool, std::string) const {
  std::ostringstream out;
  for (const CLI::Option* option : app->get_options()) {
    if (!option->get_configurable()) continue;
    const bool is_list = option->get_items_expected_max() > 1;
    const std::vector<std::string> values = values_of(*option);
    if (values.empty() || (values.size() == 1 && values[0].empty())) continue;
    out << option->get_name().substr(2) << "=";
    if (!is_list) {
      out << toml_value(values[0]) << "\n";
      continue;
    }
    const char* separator = "[";
    for (const std::string& value : values) {
      out << separator << toml_value(value);
      separator = ", ";
    }
    out << "]\n";
  }
  return out.str();
}

}  // namespace matlora::cli
