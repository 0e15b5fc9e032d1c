#include "matlora/text/pattern.h"

#include "matlora/base/json.h"

namespace matlora::text {

Pattern regex_pattern(Regex regex) {
  return [regex = std::move(regex)](std::string_view text, size_t from) {
    return regex.find(text, from);
  };
}

Pattern literal_pattern(std::string literal) {
  return [literal = std::move(literal)](std::string_view text, size_t from) -> Match {
    const size_t begin = text.find(literal, from);
    if (begin == std::string_view::npos) return std::nullopt;
    return std::pair(begin, begin + literal.size());
  };
}

Pattern read_pattern(const JsonObject& part) {
  const JsonObject pattern = part.object("pattern");
  if (pattern.find("Regex") != nullptr) {
    return regex_pattern(Regex(pattern.string("Regex"), part.where()));
  }
  return literal_pattern(pattern.string("String"));
}

}  // namespace matlora::text
