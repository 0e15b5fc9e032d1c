#include "matlora/cli/toml.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "matlora/base/error.h"
#include "matlora/base/utf8.h"

namespace matlora::cli {
namespace {

// The characters U+10FF00..U+10FFFF stand for bytes: F4 8F BC 80 .. F4 8F BF BF.
constexpr std::string_view kByteLead = "\xf4\x8f";
constexpr size_t kByteLength = 4;

bool is_byte_character(std::string_view text) {
  return text.size() >= kByteLength && text.starts_with(kByteLead) &&
         static_cast<unsigned char>(text[2]) >= 0xbc;
}

std::string byte_character(unsigned char byte) {
  return std::string(kByteLead) + static_cast<char>(0xbc + (byte >> 6)) +
         static_cast<char>(0x80 + (byte & 0x3f));
}

/// Bytes in place of the characters that stand for them.
std::string with_bytes(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const std::string_view rest = std::string_view(text).substr(i);
    if (is_byte_character(rest)) {
      const int high = static_cast<unsigned char>(rest[2]) - 0xbc;
      const int low = static_cast<unsigned char>(rest[3]) & 0x3f;
      result += static_cast<char>(high << 6 | low);
      i += kByteLength;
    } else {
      result += text[i++];
    }
  }
  return result;
}

std::string quoted(const std::string& text) {
  std::ostringstream out;
  out << '"';
  for (size_t i = 0; i < text.size();) {
    const std::string_view rest = std::string_view(text).substr(i);
    const size_t length = utf8_sequence_length(rest);
    const auto byte = static_cast<unsigned char>(rest[0]);
    if (length == 0 || is_byte_character(rest)) {
      out << byte_character(byte);
      ++i;
      continue;
    }
    if (byte == '"' || byte == '\\') {
      out << '\\' << rest[0];
    } else if (byte < 0x20 || byte == 0x7f) {
      constexpr char kDigits[] = "0123456789ABCDEF";
      out << "\\u00" << kDigits[byte >> 4] << kDigits[byte & 15];
    } else {
      out << rest.substr(0, length);
    }
    i += length;
  }
  out << '"';
  return out.str();
}

/// The shortest text that is read as the same number.
std::string text_of(double value) {
  char digits[32];
  return std::string(
      digits, std::to_chars(digits, digits + sizeof digits, value, std::chars_format::general).ptr);
}

/// One value that is no list; false for dates and tables.
bool scalar(const toml::node& node, std::string& text) {
  if (node.is_string()) {
    text = with_bytes(node.as_string()->get());
  } else if (node.is_integer()) {
    text = std::to_string(node.as_integer()->get());
  } else if (node.is_floating_point()) {
    text = text_of(node.as_floating_point()->get());
  } else if (node.is_boolean()) {
    text = node.as_boolean()->get() ? "true" : "false";
  } else {
    return false;
  }
  return true;
}

TomlEntry entry_of(const std::string& key, const toml::node& node, int64_t line,
                   const std::string& where) {
  TomlEntry entry{key, line, node.is_array(), {}};
  const auto add = [&](const toml::node& value) {
    std::string text;
    if (!scalar(value, text)) {
      fail(cat(where, ":", entry.line), "'", printable(key),
           "': expected a text, a number, true, false or a list of these");
    }
    entry.values.push_back(std::move(text));
  };
  if (const toml::array* list = node.as_array()) {
    for (const toml::node& value : *list) add(value);
  } else {
    add(node);
  }
  return entry;
}

/// toml++'s words for a repeated key, which do not say where it was first: the first line of it.
int64_t first_line_of(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos || line.compare(begin, key.size(), key) != 0) continue;
    const size_t end = line.find_first_not_of(" \t", begin + key.size());
    if (end != std::string::npos && line[end] == '=') return number;
  }
  return 0;
}

[[noreturn]] void fail_syntax(const std::string& text, const std::string& where,
                              const toml::parse_error& error) {
  const auto line = static_cast<int64_t>(error.source().begin.line);
  const std::string place = cat(where, ":", line);
  std::string words(error.description());
  std::replace(words.begin(), words.end(), '\n', ' ');
  constexpr std::string_view kTwice = "cannot redefine existing ";
  if (words.find(kTwice) != words.npos) {
    std::istringstream lines(text);
    std::string of_line;
    for (int64_t i = 0; i < line; ++i) std::getline(lines, of_line);
    const size_t begin = of_line.find_first_not_of(" \t");
    const size_t end = of_line.find_first_of(" \t=", begin);
    if (begin != std::string::npos) {
      const std::string key = of_line.substr(begin, end - begin);
      fail(place, "'", printable(key), "' appears twice; first in line ", first_line_of(text, key));
    }
  }
  constexpr std::string_view kBegin = "Error while parsing ";
  if (words.starts_with(kBegin)) words.erase(0, kBegin.size());
  fail(place, "not TOML: ", printable(words, 160), "; expected key = value, with texts in quotes");
}

}  // namespace

std::vector<TomlEntry> parse_toml(const std::string& text, const std::string& where) {
  if (text.starts_with("\xef\xbb\xbf")) {
    fail(where + ":1", "the file begins with a byte order mark; save it as UTF-8 without one");
  }
  std::vector<TomlEntry> entries;
  try {
    const toml::table table = toml::parse(text);
    for (const auto& [key, node] : table) {
      const auto line = static_cast<int64_t>(key.source().begin.line);
      if (node.is_table() || node.is_array_of_tables()) {
        fail(cat(where, ":", line), "expected key = value, got the table ",
             printable(std::string(key.str())), "; keys are options without --");
      }
      entries.push_back(entry_of(std::string(key.str()), node, line, where));
    }
  } catch (const toml::parse_error& error) {
    fail_syntax(text, where, error);
  }
  std::sort(entries.begin(), entries.end(),
            [](const TomlEntry& a, const TomlEntry& b) { return a.line < b.line; });
  return entries;
}

std::string toml_value(const std::string& value) {
  if (value == "true" || value == "false") return value;
  const char* const end = value.data() + value.size();
  int64_t integer = 0;
  if (const auto [rest, error] = std::from_chars(value.data(), end, integer);
      error == std::errc() && rest == end && value == std::to_string(integer)) {
    return value;
  }
  const bool like_number = value.find_first_not_of("0123456789.e+-") == std::string::npos &&
                           value.find_first_of("0123456789") != std::string::npos;
  double number = 0;
  if (like_number) {
    const auto [rest, error] = std::from_chars(value.data(), end, number);
    // Beyond int64 only a text keeps every digit.
    const bool is_whole = value.find_first_of(".e") == std::string::npos;
    if (error == std::errc() && rest == end && !is_whole && std::isfinite(number)) {
      return text_of(number);
    }
  }
  return quoted(value);
}

}  // namespace matlora::cli
