// Replace: every match of a pattern becomes a fixed text.
#include <utility>

#include "matlora/base/json.h"
#include "matlora/text/normalizers/kinds.h"
#include "matlora/text/pattern.h"

namespace matlora::text {
Normalizer::Step replace_text(const std::string& from, const std::string& to) {
  return [pattern = literal_pattern(from), to](std::string_view text) {
    return replace_matches(text, pattern, to);
  };
}

void read_replace(const JsonObject& part, Normalizer& normalizer) {
  const Pattern pattern = read_pattern(part);
  const std::string content = part.string("content");
  const auto replace = [=](std::string_view text) {
    return replace_matches(text, pattern, content);
  };
  // What replaces a match stands for the last byte of it.
  const auto start_of = [=](std::string_view text, size_t start) {
    size_t result = 0;
    replace_matches(text, pattern, content, [&](size_t size, size_t last) {
      if (last < start) result += size;
    });
    return result;
  };
  normalizer.add(replace, start_of);
}

}  // namespace matlora::text
