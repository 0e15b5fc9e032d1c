#include "matlora/text/jinja/split.h"

#include <algorithm>

#include "matlora/text/jinja/budget.h"
#include "matlora/text/jinja/format_number.h"
#include "matlora/text/jinja/python_text.h"
#include "matlora/text/unicode.h"

namespace matlora::text::jinja {
namespace {

/// The byte where the first white space begins; the size where there is none.
size_t find_space(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (is_space(next_code_point(text, at))) return begin;
  }
  return text.size();
}

/// The byte behind the last white space; 0 where there is none.
size_t behind_last_space(std::string_view text) {
  while (!text.empty()) {
    const char32_t c = last_code_point(text);
    if (is_space(c)) return text.size();
    text.remove_suffix(utf8(c).size());
  }
  return 0;
}

}  // namespace

std::vector<std::string> split_space(std::string_view text, int64_t most, bool right) {
  std::vector<std::string> parts;
  spend(text.size() / 16);
  for (;;) {
    text = right ? strip_right(text) : strip_left(text);
    if (text.empty()) break;
    if (most == 0) {  // the rest, whose far end keeps its white space only on the left
      parts.emplace_back(text);
      break;
    }
    --most;
    const size_t cut = right ? behind_last_space(text) : find_space(text);
    parts.emplace_back(right ? text.substr(cut) : text.substr(0, cut));
    text = right ? text.substr(0, cut) : text.substr(cut);
  }
  if (right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string> split_text(std::string_view text, std::string_view separator, int64_t most,
                                    bool right) {
  if (separator.empty()) fault("empty separator");
  std::vector<std::string> parts;
  spend(text.size() / 16);
  for (; most != 0; --most) {
    const size_t at = right ? text.rfind(separator) : text.find(separator);
    if (at == text.npos) break;
    const std::string_view behind = text.substr(at + separator.size());
    parts.emplace_back(right ? behind : text.substr(0, at));
    text = right ? text.substr(0, at) : behind;
    if (parts.size() % 1024 == 0) expect_memory(parts.size() * 150);
  }
  parts.emplace_back(text);
  if (right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to,
                     int64_t most) {
  Builder out;
  for (size_t at = 0; most != 0; --most) {
    const size_t found = text.find(from, at);
    if (found == text.npos) break;
    if (!from.empty()) {
      out.add(text.substr(0, found));
      out.add(to);
      text.remove_prefix(found + from.size());
      continue;
    }
    out.add(to);
    if (text.empty()) return out.take();
    next_code_point(text, at);
    out.add(text.substr(0, at));
    text.remove_prefix(at);
    at = 0;
  }
  out.add(text);
  return out.take();
}

std::string_view strip_characters(std::string_view text, std::string_view characters, bool left,
                                  bool right) {
  std::vector<char32_t> set = to_characters(characters);
  std::sort(set.begin(), set.end());
  const auto in_set = [&](char32_t c) { return std::binary_search(set.begin(), set.end(), c); };
  while (left && !text.empty()) {
    size_t next = 0;
    if (!in_set(next_code_point(text, next))) break;
    text.remove_prefix(next);
  }
  while (right && !text.empty()) {
    const char32_t c = last_code_point(text);
    if (!in_set(c)) break;
    text.remove_suffix(utf8(c).size());
  }
  return text;
}

std::string pad(std::string_view text, std::string_view fill, char align, int64_t width) {
  constexpr int64_t kMost = int64_t{1} << 32;
  width = std::min(width, kMost);
  if (align != '^') return aligned(text, fill, align == '<' ? '<' : '>', width);
  // str.center puts the odd one on the left where the width is odd.
  const auto size = static_cast<int64_t>(count_characters(text));
  const int64_t missing = std::max<int64_t>(width - size, 0);
  const int64_t left = missing / 2 + (missing & width & 1);
  return aligned(aligned(text, fill, '>', size + left), fill, '<', size + missing);
}

}  // namespace matlora::text::jinja
