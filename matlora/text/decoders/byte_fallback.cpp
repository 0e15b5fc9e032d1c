// ByteFallback: tokens for bytes, back to characters.
#include "matlora/base/utf8.h"
#include "matlora/text/byte_tokens.h"
#include "matlora/text/decoders/kinds.h"

namespace matlora::text {
namespace {

/// A run of bytes is judged as a whole, as `tokenizers` does it: it may end with the text only.
void give_held(DecodeState& state, const Decoder::Next& next) {
  if (state.held.empty()) return;
  if (find_invalid_utf8(state.held) == std::string::npos) {
    next(state.held);
  } else {
    for (size_t i = 0; i < state.held.size(); ++i) next("\uFFFD");
  }
  state.held.clear();
}

}  // namespace

void read_byte_fallback(const JsonObject&, Decoder& decoder) {
  decoder.add(Decoder::ContextStep{
      [](std::string_view token, DecodeState& state, const Decoder::Next& next) {
        if (const auto byte = byte_of_token(token)) {
          state.held += static_cast<char>(*byte);
          return;
        }
        give_held(state, next);
        next(token);
      },
      give_held});
}

}  // namespace matlora::text
