// Fuse, BPEDecoder: how tokens come together.
#include "matlora/base/json.h"
#include "matlora/text/decoders/kinds.h"
#include "matlora/text/pattern.h"

namespace matlora::text {

void read_fuse(const JsonObject&, Decoder& decoder) { decoder.fuse(); }

void read_end_of_word(const JsonObject& part, Decoder& decoder) {
  const std::string suffix = part.string_or("suffix", "</w>");
  const auto replaced = [pattern = literal_pattern(suffix)](std::string_view token,
                                                            const std::string& by) {
    return replace_matches(token, pattern, by);
  };
  decoder.add(Decoder::ContextStep{
      [replaced](std::string_view token, DecodeState& state, const Decoder::Next& next) {
        if (state.count++ > 0) next(replaced(state.held, " "));
        state.held = token;
      },
      [replaced](DecodeState& state, const Decoder::Next& next) {
        if (state.count > 0) next(replaced(state.held, ""));
      }});
}

}  // namespace matlora::text
