#include "matlora/text/jinja/python_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "matlora/text/jinja/budget.h"
#include "matlora/text/letter_case.h"
#include "matlora/text/unicode.h"

namespace matlora::text::jinja {
namespace {

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<int32_t>(c)); }

/// Lower, upper or title case; the property Cased is near enough to this.
bool is_cased(char32_t c) { return is_lower_case(c) || is_upper_case(c) || is_title_case(c); }

bool ends_line(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

/// Digits with single underscores between them, without these; "" when it is something else.
std::string without_underscores(std::string_view text) {
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
    } else if (i == 0 || i + 1 == text.size() || text[i - 1] == '_' ||
               !std::isalnum(static_cast<unsigned char>(text[i - 1])) ||
               !std::isalnum(static_cast<unsigned char>(text[i + 1]))) {
      return "";
    }
  }
  return digits;
}

}  // namespace

size_t count_characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

size_t byte_of_character(std::string_view text, size_t index) {
  size_t at = 0;
  while (at < text.size()) {
    if (begins_character(text[at]) && index-- == 0) return at;
    ++at;
  }
  return at;
}

std::vector<char32_t> to_characters(std::string_view text) {
  expect_memory(4 * text.size());
  std::vector<char32_t> characters;
  characters.reserve(text.size());
  for (size_t at = 0; at < text.size();) characters.push_back(next_code_point(text, at));
  return characters;
}

std::string to_bytes(const std::vector<char32_t>& characters) {
  std::string bytes;
  for (const char32_t c : characters) {
    if (c < 0x80) {
      bytes += static_cast<char>(c);
    } else {
      bytes += utf8(c);
    }
  }
  return bytes;
}

bool is_space(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

bool is_printable(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return c == ' ';
    default:
      return true;
  }
}

bool is_alpha(char32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }

bool is_digit(char32_t c) {  // superscripts and circled digits too
  return is_decimal(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070 ||
         (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089) ||
         (c >= 0x2460 && c <= 0x2468) || (c >= 0x2474 && c <= 0x247C) ||
         (c >= 0x2488 && c <= 0x2490);
}

bool is_numeric(char32_t c) { return is_number(c); }

bool is_upper_case(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LU || (c >= 0x2160 && c <= 0x216F) ||
         (c >= 0x24B6 && c <= 0x24CF);
}

bool is_lower_case(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LL || c == 0xAA || c == 0xBA ||
         (c >= 0x2170 && c <= 0x217F) || (c >= 0x24D0 && c <= 0x24E9) || (c >= 0x2B0 && c <= 0x2B8);
}

bool is_title_case(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }

std::string_view strip_left(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t next = at;
    if (!is_space(next_code_point(text, next))) break;
    at = next;
  }
  return text.substr(at);
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty() && is_space(last_code_point(text))) {
    size_t size = text.size() - 1;
    while (!begins_character(text[size])) --size;
    text = text.substr(0, size);
  }
  return text;
}

std::string to_upper(std::string_view text) {
  std::string upper;
  for (size_t at = 0; at < text.size();) upper += text::to_upper(next_code_point(text, at));
  return upper;
}

std::string title_words(std::string_view text) {
  // Lower case of the whole, as a sigma depends on its neighbours; a word's first by itself.
  std::string title;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_code_point(text, at);
    if (inside) {
      title += c < 0x80 ? std::string(1, static_cast<char>(std::tolower(static_cast<int>(c))))
                        : to_lower(text.substr(0, at), begin);
    } else {
      title += to_title(c);
    }
    inside = is_cased(c);
    spend();
  }
  return title;
}

std::string capitalized(std::string_view text) {
  if (text.empty()) return "";
  size_t at = 0;
  const std::string first = to_title(next_code_point(text, at));
  return first + to_lower(text, at);
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = at;
    const char32_t c = next_code_point(text, at);
    if (!ends_line(c)) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.emplace_back(text.substr(begin, (keep_ends ? at : end) - begin));
    begin = at;
  }
  if (begin < text.size()) lines.emplace_back(text.substr(begin));
  return lines;
}

std::string python_quoted(std::string_view text) {
  const char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
  Builder out;
  out.add(quote);
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_code_point(text, at);
    char escaped[12] = "";
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out.add('\\');
    } else if (c == '\n' || c == '\r' || c == '\t') {
      std::snprintf(escaped, sizeof escaped, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    } else if (!is_printable(c)) {
      const char* const form = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
      std::snprintf(escaped, sizeof escaped, form, static_cast<unsigned>(c));
    }
    out.add(*escaped ? std::string_view(escaped) : text.substr(begin, at - begin));
  }
  out.add(quote);
  return out.take();
}

std::string shown_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  char* const end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string text(buffer, end);
  const size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return text;
  char* const fixed =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  std::string result(buffer, fixed);
  return result.find('.') == result.npos ? result + ".0" : result;
}

std::string escape_html(std::string_view text) {
  Builder out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out.add("&amp;");
        break;
      case '<':
        out.add("&lt;");
        break;
      case '>':
        out.add("&gt;");
        break;
      case '\'':
        out.add("&#39;");
        break;
      case '"':
        out.add("&#34;");
        break;
      default:
        out.add(c);
    }
  }
  return out.take();
}

bool read_int(std::string_view text, int base, int64_t& value) {
  text = strip(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const auto marked = [&](char letter) {
    return text.size() > 2 && text[0] == '0' && std::tolower(text[1]) == letter;
  };
  const int marks = marked('x') ? 16 : marked('o') ? 8 : marked('b') ? 2 : 0;
  if (marks && (base == marks || base == 0)) {
    text.remove_prefix(text[2] == '_' ? 3 : 2);
    base = marks;
  }
  if (base == 0) {
    if (text.size() > 1 && text[0] == '0' && text.find_first_not_of("0_") != text.npos)
      return false;
    base = 10;
  }
  const std::string digits = (negative ? "-" : "") + without_underscores(text);
  const char* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value, base);
  if (read.ec == std::errc::result_out_of_range && read.ptr == end) {
    fault("integer ", printable(text, 40), " is beyond 64 bits");
  }
  return !text.empty() && text[0] != '-' && read.ec == std::errc() && read.ptr == end;
}

bool read_float(std::string_view text, double& value) {
  text = strip(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text[0] == '-' || text.find("0x") != text.npos) return false;
  std::string digits = without_underscores(text);
  std::transform(digits.begin(), digits.end(), digits.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (digits.starts_with("nan(")) return false;
  const char* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value);
  if (read.ptr != end || digits.empty()) return false;
  if (read.ec == std::errc::result_out_of_range) value = std::strtod(digits.c_str(), nullptr);
  if (negative) value = -value;
  return true;
}

}  // namespace matlora::text::jinja
