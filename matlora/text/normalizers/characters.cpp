// Lowercase, StripAccents, Nmt, BertNormalizer, ByteLevel: every character by itself.
#include <optional>

#include "matlora/base/json.h"
#include "matlora/text/byte_level.h"
#include "matlora/text/letter_case.h"
#include "matlora/text/normalizers/kinds.h"

namespace matlora::text {
namespace {

/// A step in which `map` says what a character becomes; it is given as a code point and as UTF-8.
template <class Map>
Normalizer::Step map_step(Map map) {
  return [map](std::string_view text) {
    std::string result;
    result.reserve(text.size());
    for (size_t offset = 0; offset < text.size();) {
      const size_t begin = offset;
      const char32_t c = next_code_point(text, offset);
      result += map(c, text.substr(begin, offset - begin));
    }
    return result;
  };
}

template <class Map>
void add_map(Normalizer& normalizer, Map map) {
  normalizer.add(map_step(map));
}

/// What BERT's clean_text removes: U+0000, U+FFFD and the categories C, but for line breaks and
/// tab.
bool is_removed_by_bert(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  return c == 0xFFFD || is_control(c);
}

/// BERT puts spaces round each ideograph of these blocks.
bool is_ideograph_for_bert(char32_t c) {
  return (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
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

Normalizer::Step lowercase() {
  return map_step([](char32_t c, std::string_view character) -> std::string {
    if (c >= 0x80) return to_lower(character);
    return std::string(1, static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
  });
}

void read_lowercase(const JsonObject&, Normalizer& normalizer) { normalizer.add(lowercase()); }

void read_strip_accents(const JsonObject&, Normalizer& normalizer) {
  add_map(normalizer, [](char32_t c, std::string_view character) {
    return is_mark(c) ? std::string_view() : character;
  });
}

void read_byte_level(const JsonObject&, Normalizer& normalizer) {
  normalizer.add([](std::string_view text) { return to_byte_characters(text); });
}

void read_bert(const JsonObject& part, Normalizer& normalizer) {
  const bool lower = part.boolean_or("lowercase", true);
  if (part.boolean_or("clean_text", true)) {
    add_map(normalizer, [](char32_t c, std::string_view character) -> std::string_view {
      if (is_removed_by_bert(c)) return "";
      return is_white_space(c) ? " " : character;
    });
  }
  if (part.boolean_or("handle_chinese_chars", true)) {
    add_map(normalizer, [](char32_t c, std::string_view character) {
      const std::string space = is_ideograph_for_bert(c) ? " " : "";
      return space + std::string(character) + space;
    });
  }
  if (part.boolean_or("strip_accents", lower)) {
    normalizer.add(unicode_form(NormalForm::kNfd));
    add_map(normalizer, [](char32_t c, std::string_view character) {
      return is_nonspacing_mark(c) ? std::string_view() : character;
    });
  }
  if (lower) normalizer.add(lowercase());
}

void read_nmt(const JsonObject&, Normalizer& normalizer) {
  add_map(normalizer, [](char32_t c, std::string_view character) -> std::string_view {
    if (is_removed_by_nmt(c)) return "";
    return is_space_for_nmt(c) ? " " : character;
  });
}

}  // namespace matlora::text
