// TOML of options: `key = value` and `key = [value, ..]` (toml.io, version 1.0; read by toml++).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "matlora/base/file.h"

namespace matlora::cli {

struct TomlEntry {
  std::string key;
  int64_t line = 0;                 // counted from 1
  bool list = false;                // in [..]
  std::vector<std::string> values;  // as an option takes them: one, or those of a list
};

/// The entries of a file's text, by line. Throws UserError `FILE:LINE: ..` for what is not TOML, a
/// key that is there twice, a table, a date, a list in a list, and a byte order mark; `where`:
/// FILE.
std::vector<TomlEntry> parse_toml(const std::string& text, const std::string& where);

/// `value` as TOML: a number or true or false as it is, everything else a text in quotes. TOML is
/// UTF-8 and a path may be any bytes: a byte that is no character is written as the character
/// U+10FF00 + byte, which nobody else uses, and is read back as that byte.
std::string toml_value(const std::string& value);

}  // namespace matlora::cli
