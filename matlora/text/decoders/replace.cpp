// Replace: every match of a pattern in a token becomes a fixed text.
#include <utility>

#include "matlora/base/json.h"
#include "matlora/text/decoders/kinds.h"
#include "matlora/text/pattern.h"

namespace matlora::text {

void read_replace(const JsonObject& part, Decoder& decoder) {
  Pattern pattern = read_pattern(part);
  decoder.add([pattern = std::move(pattern), content = part.string("content")](
                  std::string_view token) { return replace_matches(token, pattern, content); });
}

}  // namespace matlora::text
