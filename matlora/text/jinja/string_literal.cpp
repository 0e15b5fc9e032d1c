#include "matlora/text/jinja/string_literal.h"

#include "matlora/text/jinja/budget.h"
#include "matlora/text/unicode.h"

namespace matlora::text::jinja {
namespace {

/// `count` hexadecimal digits at the front of `text`.
char32_t hexadecimal(std::string_view text, size_t count, int line) {
  char32_t value = 0;
  for (size_t i = 0; i < count; ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    const char lower = static_cast<char>(c | 0x20);
    const int digit = c >= '0' && c <= '9'           ? c - '0'
                      : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                     : -1;
    if (digit < 0) throw Fault("a string has a cut \\x, \\u or \\U escape", line);
    value = value * 16 + static_cast<char32_t>(digit);
  }
  if (value > 0x10FFFF) throw Fault("a string has an illegal Unicode character", line);
  if (value >= 0xD800 && value <= 0xDFFF) {
    throw Fault("a string has half of a surrogate pair (\\ud800 to \\udfff)", line);
  }
  return value;
}

/// The character that an escape of one letter means, or 0.
char simple_escape(char c) {
  constexpr std::string_view kLetters = "\\'\"abfnrtv", kMeanings = "\\'\"\a\b\f\n\r\t\v";
  const size_t found = kLetters.find(c);
  return found == kLetters.npos ? '\0' : kMeanings[found];
}

}  // namespace

std::string unescaped(std::string_view text, int line) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    const char c = text[++i];  // the lexer ends no string at a backslash
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (const char simple = simple_escape(c)) {
      result += simple;
    } else if (digits) {
      result += utf8(hexadecimal(text.substr(i + 1), digits, line));
      i += digits;
    } else if (c >= '0' && c <= '7') {
      char32_t value = 0;
      const size_t begin = i;
      while (i < text.size() && i < begin + 3 && text[i] >= '0' && text[i] <= '7') {
        value = value * 8 + static_cast<char32_t>(text[i++] - '0');
      }
      --i;
      result += utf8(value);
    } else if (c == 'N') {
      throw Fault("characters by name (\\N{..}) are not supported", line);
    } else if (c != '\n') {
      result += '\\';
      result += c;
    }
  }
  return result;
}

}  // namespace matlora::text::jinja
