#include "matlora/cli/config_file.h"

#include <sstream>

#include "matlora/base/error.h"
#include "matlora/cli/other_names.h"

namespace matlora::cli {
namespace {

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// What a value's text is, up to where its line ends.
enum class Value { whole, open_list, open_quote, sign_in_quote, more_behind };

/// Walks over a value: quotes, a list, a comment behind it.
Value scan(const std::string& text, bool in_list) {
  bool closed = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '#') break;
    if (c == ' ' || c == '\t') continue;
    if (closed) return Value::more_behind;
    if (c == '"' || c == '\'') {
      const size_t end = text.find(c, i + 1);
      if (end == std::string::npos) return Value::open_quote;
      if (text.find('#', i) < end) return Value::sign_in_quote;
      i = end;
      closed = !in_list;
    } else if (c == '[') {
      in_list = true;
    } else if (c == ']' && in_list) {
      in_list = false;
      closed = true;
    }
  }
  return in_list ? Value::open_list : Value::whole;
}

/// Throws UserError unless the value is one that CLI11 reads as it is meant. Returns whether the
/// next line continues it.
bool check_value(const std::string& where, const std::string& key, const std::string& text,
                 bool in_list) {
  const Value value = scan(text, in_list);
  const std::string name = "'" + printable(key) + "': ";
  if (value == Value::open_quote) fail(where, name, "the quote is not closed");
  if (value == Value::sign_in_quote) {
    fail(where, name, "a value with # cannot be given in a file; give --", key);
  }
  if (value == Value::more_behind) fail(where, name, "expected one value, got ", printable(text));
  return value == Value::open_list;
}

}  // namespace

ConfigFile::ConfigFile(const fs::path& path, const CLI::App& app) : path_(path) {
  std::istringstream text(read_file(path));
  if (text.view().starts_with("\xef\xbb\xbf")) {
    fail(path.string() + ":1",
         "the file begins with a byte order mark; save it as UTF-8 without one");
  }
  std::string line, list;  // list: the key of one that is not closed yet
  int64_t number = 0, begin = 0;
  while (std::getline(text, line)) {
    const std::string where = cat(path_.string(), ":", ++number);
    line = trimmed(line);
    if (!list.empty()) {
      if (!check_value(where, list, line, /*in_list=*/true)) list.clear();
      continue;
    }
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      fail(where, "expected key = value, got the section ", printable(line),
           "; keys are options without --");
    }
    const size_t sign = line.find('=');
    const std::string key = trimmed(line.substr(0, sign));
    if (sign == std::string::npos || key.empty()) {
      fail(where, "expected key = value, got ", printable(line));
    }
    add_key(key, number, app);
    if (check_value(where, key, line.substr(sign + 1), /*in_list=*/false)) list = key;
    begin = number;
  }
  if (!list.empty()) {
    fail(cat(path_.string(), ":", begin), "'", list, "': the list is not closed; expected ]");
  }
}

void ConfigFile::add_key(const std::string& key, int64_t line, const CLI::App& app) {
  const std::string where = cat(path_.string(), ":", line);
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_configurable()) known.push_back(option->get_name().substr(2));
  }
  const CLI::Option* option = app.get_option_no_throw("--" + key);
  if (option == nullptr) {
    std::string hint = other_name_hint(app, key, "");
    if (hint.empty()) hint = did_you_mean(key, known);
    fail(where, "unknown key '", printable(key), "'", hint, "; keys are options without --");
  }
  if (!option->get_configurable()) {
    fail(where, "'", key, "' is not taken from a file; give --", key, " on the command line");
  }
  for (const Entry& entry : entries_) {
    if (entry.key == key) fail(where, "'", key, "' appears twice; first in line ", entry.line);
  }
  entries_.push_back({key, line});
}

std::string ConfigFile::where(const std::string& key) const {
  for (const Entry& entry : entries_) {
    if (entry.key == key) return cat(path_.string(), ":", entry.line);
  }
  return "";
}

}  // namespace matlora::cli
