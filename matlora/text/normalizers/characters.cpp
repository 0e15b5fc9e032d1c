// Lowercase, StripAccents, Nmt: every character by itself.
#include <optional>

#include "matlora/base/json.h"
#include "matlora/text/letter_case.h"
#include "matlora/text/normalizers/kinds.h"

namespace matlora::text {
namespace {

/// Adds a step in which `map` says what a character becomes; it is given as a code point and as
/// UTF-8.
template <class Map>
void add_map(Normalizer& normalizer, Map map) {
  normalizer.add([map](std::string_view text) {
    std::string result;
    result.reserve(text.size());
    for (size_t offset = 0; offset < text.size();) {
      const size_t begin = offset;
      const char32_t c = next_code_point(text, offset);
      result += map(c, text.substr(begin, offset - begin));
    }
    return result;
  });
}

bool is_removed_by_nmt(char32_t c) {
  return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         c == 0x8F || c == 0x9F;
}

bool is_space_for_nmt(char32_t c) {
  return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
         c == 0xFFFD;
}

}  // namespace

/// By Unicode's full mapping; a capital sigma never becomes a final one.
void read_lowercase(const JsonObject&, Normalizer& normalizer) {
  add_map(normalizer, [](char32_t c, std::string_view character) -> std::string {
    if (c >= 0x80) return to_lower(character);
    return std::string(1, static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
  });
}

void read_strip_accents(const JsonObject&, Normalizer& normalizer) {
  add_map(normalizer, [](char32_t c, std::string_view character) {
    return is_mark(c) ? std::string_view() : character;
  });
}

void read_nmt(const JsonObject&, Normalizer& normalizer) {
  add_map(normalizer, [](char32_t c, std::string_view character) -> std::string_view {
    if (is_removed_by_nmt(c)) return "";
    return is_space_for_nmt(c) ? " " : character;
  });
}

}  // namespace matlora::text
