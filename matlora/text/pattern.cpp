#include "matlora/text/pattern.h"

#include "matlora/base/json.h"
#include "matlora/text/unicode.h"

namespace matlora::text {

Pattern regex_pattern(Regex regex) {
  return [regex = std::move(regex)](std::string_view text, size_t from) {
    return regex.find(text, from);
  };
}

Pattern character_pattern(bool (*fits)(char32_t)) {
  return [fits](std::string_view text, size_t from) -> Match {
    while (from < text.size()) {
      const size_t begin = from;
      if (fits(next_code_point(text, from))) return std::pair(begin, from);
    }
    return std::nullopt;
  };
}

Pattern literal_pattern(std::string literal) {
  return [literal = std::move(literal)](std::string_view text, size_t from) -> Match {
    const size_t begin = text.find(literal, from);
    if (begin == std::string_view::npos) return std::nullopt;
    return std::pair(begin, begin + literal.size());
  };
}

std::string replace_matches(std::string_view text, const Pattern& pattern,
                            const std::string& content, const PartSeen& seen) {
  std::string result;
  size_t copied = 0;  // end of the last match
  bool any = false;
  const auto copy = [&](size_t end) {
    result.append(text, copied, end - copied);
    for (; seen && copied < end; ++copied) seen(1, copied);
    copied = end;
  };
  for (size_t from = 0; from <= text.size() && !text.empty();) {
    const Match match = pattern(text, from);
    if (!match) break;
    const auto [begin, end] = *match;
    if (begin < end || !any || end != copied) {
      copy(begin);
      result += content;
      if (seen) seen(content.size(), end == 0 ? 0 : end - 1);
      copied = end;
      any = true;
    }
    from = end;
    if (begin < end) continue;
    if (end == text.size()) break;
    next_code_point(text, from);
  }
  copy(text.size());
  return result;
}

Pattern read_pattern(const JsonObject& part) {
  const JsonObject pattern = part.object("pattern");
  if (pattern.find("Regex") != nullptr) {
    return regex_pattern(Regex(pattern.string("Regex"), part.where()));
  }
  return literal_pattern(pattern.string("String"));
}

}  // namespace matlora::text
