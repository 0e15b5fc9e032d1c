#include "matlora/generate/decode.h"

#include <algorithm>

#include "matlora/base/utf8.h"

namespace matlora::generate {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";  // U+FFFD

struct Prefix {
  size_t length = 0;      // bytes
  bool complete = false;  // nothing that follows can lengthen it
};

/// The longest beginning of `text` that begins some well-formed sequence. `text` is not empty and
/// begins with no whole one.
Prefix cut_sequence(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0xC2 || lead > 0xF4) return {1, true};
  const size_t needed = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range keeps out overlong forms, surrogates and what lies above U+10FFFF.
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  size_t n = 1;
  while (n < std::min(needed, text.size()) && byte(n) >= (n == 1 ? low : 0x80) &&
         byte(n) <= (n == 1 ? high : 0xBF)) {
    ++n;
  }
  return {n, n < text.size()};
}

}  // namespace

std::vector<int32_t> decode(const nn::Decoder& model, std::span<const int32_t> prompt,
                            const DecodeOptions& options, const OnToken& on_token) {
  const Request request = {{prompt.begin(), prompt.end()}, options};
  std::vector<int32_t> result;
  BatchEvents events;
  if (on_token) events.on_token = [&](size_t, int32_t token) { return on_token(token); };
  events.on_finished = [&](size_t, const std::vector<int32_t>& completion) { result = completion; };
  decode_batch(model, {&request, 1}, /*max_sequences=*/1, events);
  return result;
}

std::string Utf8Stream::feed(std::string_view bytes) {
  held_ += bytes;
  std::string text;
  std::string_view rest = held_;
  while (!rest.empty()) {
    if (const size_t whole = utf8_sequence_length(rest)) {
      text += rest.substr(0, whole);
      rest.remove_prefix(whole);
      continue;
    }
    const Prefix broken = cut_sequence(rest);
    if (!broken.complete) break;
    text += kReplacement;
    rest.remove_prefix(broken.length);
  }
  held_ = std::string(rest);
  return text;
}

std::string Utf8Stream::finish() {
  std::string text = held_.empty() ? "" : kReplacement;
  held_.clear();
  return text;
}

std::string valid_utf8(std::string_view bytes) {
  Utf8Stream stream;
  std::string text = stream.feed(bytes);
  return text + stream.finish();
}

}  // namespace matlora::generate
