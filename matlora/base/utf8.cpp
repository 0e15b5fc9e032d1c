#include "matlora/base/utf8.h"

#include <algorithm>

namespace matlora {
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
  // The second byte's range keeps out overlong forms, surrogates and what is above U+10FFFF.
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

size_t utf8_sequence_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = at(1);
  if (first == 0xe0 && second < 0xa0) return 0;   // overlong
  if (first == 0xed && second >= 0xa0) return 0;  // surrogates
  if (first == 0xf0 && second < 0x90) return 0;   // overlong
  if (first == 0xf4 && second >= 0x90) return 0;  // above U+10FFFF
  return length;
}

size_t find_invalid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const size_t length = utf8_sequence_length(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
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

}  // namespace matlora
