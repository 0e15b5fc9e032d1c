#include "matlora/report/markup.h"

#include <algorithm>
#include <cstdio>

#include "matlora/base/error.h"
#include "matlora/base/utf8.h"

namespace matlora::report {
namespace {

constexpr size_t kMaxPathBytes = 4096;
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

/// What XML knows no way to write.
bool is_no_character(std::string_view sequence) {
  return sequence == "\xef\xbf\xbe" || sequence == "\xef\xbf\xbf";  // U+FFFE, U+FFFF
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n') || byte == 0x7f;
}

/// Not the first byte of a character.
bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::string_view entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    default:
      return "";
  }
}

}  // namespace

std::string fixed(double value, int decimals) {
  char text[512];  // the largest double has 309 digits before the point
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  const bool zero = std::string_view(text).find_first_not_of("-0.") == std::string_view::npos;
  return text[0] == '-' && zero ? text + 1 : text;
}

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = utf8_sequence_length(text);
    if (text.starts_with("\r\n")) {
      text.remove_prefix(1);
      continue;
    }
    if (length == 0 || is_control(text.front()) || is_no_character(text.substr(0, length))) {
      out += kReplacement;
    } else if (const std::string_view name = entity(text.front()); !name.empty()) {
      out += name;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string element(std::string_view name, std::string_view attributes, std::string_view content) {
  return cat("<", name, attributes.empty() ? "" : " ", attributes, ">", content, "</", name, ">");
}

std::string grouped(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    const bool between = i > (number < 0 ? 1 : 0) && (digits.size() - i) % 3 == 0;
    if (between) text += ',';
    text += digits[i];
  }
  return text;
}

size_t letters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

std::string shortened(const std::string& text, size_t most) {
  if (letters(text) <= most) return text;
  size_t end = 0;
  for (size_t kept = 0; end < text.size(); ++end) {
    if (!continues(text[end]) && ++kept == most) break;
  }
  return text.substr(0, end) + "…";
}

std::string shown_path(const std::string& path) { return printable(path, kMaxPathBytes); }

}  // namespace matlora::report
