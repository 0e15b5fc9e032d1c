// Replace: every match of a pattern becomes a fixed text.
#include <utility>

#include "matlora/base/json.h"
#include "matlora/text/normalizers/kinds.h"
#include "matlora/text/pattern.h"

namespace matlora::text {
namespace {

Normalizer::Step replace(Pattern pattern, std::string content) {
  return [pattern = std::move(pattern), content = std::move(content)](std::string_view text) {
    return replace_matches(text, pattern, content);
  };
}

}  // namespace

Normalizer::Step replace_text(const std::string& from, const std::string& to) {
  return replace(literal_pattern(from), to);
}

void read_replace(const JsonObject& part, Normalizer& normalizer) {
  normalizer.add(replace(read_pattern(part), part.string("content")));
}

}  // namespace matlora::text
