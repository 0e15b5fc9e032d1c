// Metaspace: the character in the place of spaces, back to spaces.
#include "matlora/text/metaspace.h"

#include "matlora/text/decoders/kinds.h"
#include "matlora/text/pattern.h"

namespace matlora::text {

void read_metaspace(const JsonObject& part, Decoder& decoder) {
  const Metaspace kind = Metaspace::read(part);
  const auto spaced = [pattern = literal_pattern(kind.replacement)](std::string_view token,
                                                                    const std::string& by) {
    return replace_matches(token, pattern, by);
  };
  if (kind.prepend == Metaspace::Prepend::kNever) {
    decoder.add([spaced](std::string_view token) { return spaced(token, " "); });
    return;
  }
  decoder.add(Decoder::ContextStep{
      [spaced](std::string_view token, DecodeState& state, const Decoder::Next& next) {
        next(spaced(token, state.count == 0 ? "" : " "));
        state.count = 1;
      }});
}

}  // namespace matlora::text
