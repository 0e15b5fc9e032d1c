// Prepend, Strip: the ends of a text.
#include "matlora/base/json.h"
#include "matlora/text/normalizers/kinds.h"

namespace matlora::text {

Normalizer::Step prepend(const std::string& prefix) {
  return [prefix](std::string_view text) {
    return text.empty() ? std::string() : prefix + std::string(text);
  };
}

void read_prepend(const JsonObject& part, Normalizer& normalizer) {
  normalizer.add(prepend(part.string("prepend")));
}

void read_strip(const JsonObject& part, Normalizer& normalizer) {
  const bool left = part.boolean_or("strip_left", true);
  const bool right = part.boolean_or("strip_right", true);
  const auto strip = [left, right](std::string_view text) {
    if (left) text.remove_prefix(leading_white_space(text));
    if (right) text.remove_suffix(trailing_white_space(text));
    return std::string(text);
  };
  const auto start_of = [left](std::string_view text, size_t start) {
    const size_t removed = left ? leading_white_space(text) : 0;
    return start > removed ? start - removed : 0;
  };
  normalizer.add(strip, start_of);
}

}  // namespace matlora::text
