#include "matlora/text/jinja/format_number.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "matlora/text/jinja/python_text.h"

namespace matlora::text::jinja {

int64_t read_count(std::string_view& text) {
  constexpr int64_t kMost = 1'000'000;
  int64_t count = -1;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    count = (count < 0 ? 0 : count) * 10 + (text[0] - '0');
    if (count > kMost) fault("a width or precision of a format is beyond ", kMost);
    text.remove_prefix(1);
  }
  return count;
}

std::string float_digits(double value, char kind, int64_t precision, bool alternate) {
  const bool upper = kind == 'E' || kind == 'F' || kind == 'G';
  if (!std::isfinite(value)) {
    if (std::isnan(value)) return upper ? "NAN" : "nan";
    return upper ? "INF" : "inf";
  }
  const char form[] = {'%',
                       alternate ? '#' : '.',
                       alternate ? '.' : '*',
                       alternate ? '*' : kind,
                       alternate ? kind : '\0',
                       '\0'};
  value = std::abs(value);
  const int digits = static_cast<int>(precision < 0 ? 6 : precision);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const int size = std::snprintf(nullptr, 0, form, digits, value);
  std::string text(static_cast<size_t>(size) + 1, '\0');
  std::snprintf(text.data(), text.size(), form, digits, value);
#pragma GCC diagnostic pop
  text.pop_back();
  return text;
}

std::string integer_digits(int64_t value, int base, bool upper) {
  const uint64_t size = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  char buffer[72];
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, size, base).ptr);
  return upper ? to_upper(text) : text;
}

std::string aligned(std::string_view text, std::string_view fill, char align, int64_t width) {
  const auto size = static_cast<int64_t>(count_characters(text));
  const int64_t missing = width > size ? width - size : 0;
  expect_memory(text.size() + static_cast<size_t>(missing) * fill.size());
  const int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string result;
  for (int64_t i = 0; i < left; ++i) result += fill;
  result += text;
  for (int64_t i = left; i < missing; ++i) result += fill;
  return result;
}

}  // namespace matlora::text::jinja
