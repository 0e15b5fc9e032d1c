#include "matlora/tasks/python_text.h"

#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/text/letter_case.h"
#include "matlora/text/unicode.h"

namespace matlora::tasks {
namespace {

bool is_space(char32_t c) { return text::is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

bool starts_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

}  // namespace

std::string left_strip(std::string_view text) {
  while (!text.empty()) {
    size_t end = 0;
    if (!is_space(text::next_code_point(text, end))) break;
    text.remove_prefix(end);
  }
  return std::string(text);
}

std::string right_strip(std::string_view text) {
  while (!text.empty() && is_space(text::last_code_point(text))) {
    size_t last = text.size() - 1;
    while (!starts_character(text[last])) --last;
    text.remove_suffix(text.size() - last);
  }
  return std::string(text);
}

std::string strip(std::string_view text) { return right_strip(left_strip(text)); }

std::string lower(std::string_view text) { return text::to_lower(text); }

std::string capitalize(std::string_view text) {
  if (text.empty()) return {};
  size_t end = 0;
  const char32_t first = text::next_code_point(text, end);
  return text::to_title(first) + text::to_lower(text, end);
}

std::string replace(std::string_view text, std::string_view what, std::string_view with) {
  check(!what.empty(), "replace: nothing");
  std::string result;
  for (size_t found = text.find(what); found != std::string_view::npos; found = text.find(what)) {
    result += text.substr(0, found);
    result += with;
    text.remove_prefix(found + what.size());
  }
  return result.append(text);
}

int64_t code_points(std::string_view text) {
  return std::count_if(text.begin(), text.end(), starts_character);
}

}  // namespace matlora::tasks
