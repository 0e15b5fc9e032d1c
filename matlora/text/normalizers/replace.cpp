// Replace: every match of a pattern becomes a fixed text.
#include <utility>

#include "matlora/base/json.h"
#include "matlora/text/normalizers/kinds.h"
#include "matlora/text/pattern.h"
#include "matlora/text/unicode.h"

namespace matlora::text {
namespace {

/// As `tokenizers` does it: `content` is plain text, an empty text stays empty, and an empty match
/// right behind another match is none.
std::string replaced(std::string_view text, const Pattern& pattern, const std::string& content) {
  std::string result;
  size_t copied = 0;  // end of the last match
  bool any = false;
  for (size_t from = 0; from <= text.size() && !text.empty();) {
    const Match match = pattern(text, from);
    if (!match) break;
    const auto [begin, end] = *match;
    if (begin < end || !any || end != copied) {
      result.append(text, copied, begin - copied).append(content);
      copied = end;
      any = true;
    }
    from = end;
    if (begin < end) continue;
    if (end == text.size()) break;
    next_code_point(text, from);
  }
  return result.append(text, copied);
}

}  // namespace

void read_replace(const JsonObject& part, Normalizer& normalizer) {
  Pattern pattern = read_pattern(part);
  normalizer.add([pattern = std::move(pattern), content = part.string("content")](
                     std::string_view text) { return replaced(text, pattern, content); });
}

}  // namespace matlora::text
