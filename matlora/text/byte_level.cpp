#include "matlora/text/byte_level.h"

#include <array>

#include "matlora/text/unicode.h"

namespace matlora::text {
namespace {

constexpr char32_t kLimit = 0x144;  // one more than the largest character of the alphabet

// A byte whose Latin-1 character is visible stands for itself; the 68 others take U+0100 onwards.
constexpr bool is_visible(char32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<int, kLimit> byte{};  // -1: not of the alphabet
};

constexpr Alphabet make_alphabet() {
  Alphabet result;
  result.byte.fill(-1);
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const char32_t character = is_visible(byte) ? byte : next++;
    result.character[byte] = character;
    result.byte[character] = static_cast<int>(byte);
  }
  return result;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

std::string to_byte_characters(std::string_view bytes) {
  std::string result;
  for (const char byte : bytes) {
    const char32_t c = kAlphabet.character[static_cast<unsigned char>(byte)];
    if (c < 0x80) {
      result += static_cast<char>(c);
    } else {
      result += static_cast<char>(0xC0 | c >> 6);
      result += static_cast<char>(0x80 | (c & 0x3F));
    }
  }
  return result;
}

std::optional<std::string> from_byte_characters(std::string_view characters) {
  std::string result;
  for (size_t offset = 0; offset < characters.size();) {
    const char32_t c = next_code_point(characters, offset);
    if (c >= kLimit || kAlphabet.byte[c] < 0) return std::nullopt;
    result += static_cast<char>(kAlphabet.byte[c]);
  }
  return result;
}

}  // namespace matlora::text
