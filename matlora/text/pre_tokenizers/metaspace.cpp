// Metaspace: spaces become a visible character, one more goes in front of a text, and words begin
// with it.
#include "matlora/text/metaspace.h"

#include <utility>

#include "matlora/text/pattern.h"
#include "matlora/text/pre_tokenizers/kinds.h"

namespace matlora::text {
namespace {

bool is_prefixed(const Metaspace& kind, const Piece& piece) {
  return kind.prepend == Metaspace::Prepend::kAlways ||
         (kind.prepend == Metaspace::Prepend::kFirst && piece.at_start());
}

}  // namespace

void read_metaspace(const JsonObject& part, PreTokenizer& pre_tokenizer) {
  const Metaspace kind = Metaspace::read(part);
  pre_tokenizer.add([kind, space = literal_pattern(" "),
                     mark = literal_pattern(kind.replacement)](const Piece& piece) -> Cut {
    std::string text = replace_matches(piece.text, space, kind.replacement);
    size_t start =
        replace_matches(piece.text.substr(0, piece.start), space, kind.replacement).size();
    if (is_prefixed(kind, piece) && !text.starts_with(kind.replacement)) {
      text.insert(0, kind.replacement);
      if (start > 0) start += kind.replacement.size();
    }
    std::vector<Span> spans{{0, text.size(), false}};
    if (kind.split) {
      spans = apply_behavior(cover(text, [&](size_t from) { return mark(text, from); }),
                             Behavior::kMergedWithNext);
    }
    return {std::move(spans), std::move(text), start};
  });
}

}  // namespace matlora::text
