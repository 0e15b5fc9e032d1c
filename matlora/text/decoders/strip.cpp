// Strip: a character is cut off at the ends of tokens.
#include <utility>

#include "matlora/base/json.h"
#include "matlora/text/decoders/kinds.h"
#include "matlora/text/load/stage.h"

namespace matlora::text {
namespace {

constexpr int64_t kMost = 1'000'000;  // characters to cut

/// `text` without up to `limit` characters at its beginning, and how many these are.
size_t cut_front(std::string_view& text, const std::string& character, size_t limit) {
  size_t count = 0;
  for (; count < limit && text.starts_with(character); ++count)
    text.remove_prefix(character.size());
  return count;
}

size_t cut_back(std::string_view& text, const std::string& character, size_t limit) {
  size_t count = 0;
  for (; count < limit && text.ends_with(character); ++count) text.remove_suffix(character.size());
  return count;
}

/// Of a joined text. state.count: characters cut so far, or `start` when there are no more.
void add_front(Decoder& decoder, const std::string& character, size_t start) {
  decoder.add_streamed({[=](std::string_view part, DecodeState& state, const Decoder::Next& next) {
    state.count += cut_front(part, character, start - state.count);
    if (part.empty()) return;
    state.count = start;
    next(part);
  }});
}

/// Of a joined text: what may be its end is held back.
void add_back(Decoder& decoder, const std::string& character, size_t stop) {
  decoder.add_streamed({[=](std::string_view part, DecodeState& state, const Decoder::Next& next) {
    const std::string text = state.held.append(part);
    std::string_view certain = text;
    cut_back(certain, character, stop);
    state.held = text.substr(certain.size());
    if (!certain.empty()) next(certain);
  }});
}

}  // namespace

void add_strip(Decoder& decoder, const std::string& content, size_t start, size_t stop) {
  if (decoder.fused()) {
    if (start > 0) add_front(decoder, content, start);
    if (stop > 0) add_back(decoder, content, stop);
    return;
  }
  decoder.add([=](std::string_view token) {
    cut_front(token, content, start);
    cut_back(token, content, stop);
    return std::string(token);
  });
}

void read_strip(const JsonObject& part, Decoder& decoder) {
  const auto size = [&](const char* key) {
    return static_cast<size_t>(part.integer(key, 0, kMost));
  };
  add_strip(decoder, one_character(part, "content"), size("start"), size("stop"));
}

}  // namespace matlora::text
