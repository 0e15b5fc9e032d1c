#include "matlora/text/byte_tokens.h"

#include <algorithm>

namespace matlora::text {
namespace {

int hexadecimal(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string byte_token(uint8_t byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  return {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15], '>'};
}

std::optional<uint8_t> byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  const int high = hexadecimal(token[3]), low = hexadecimal(token[4]);
  if (low < 0) return std::nullopt;
  if (token[3] == '+') return static_cast<uint8_t>(low);  // Rust's from_str_radix takes a sign
  if (high < 0) return std::nullopt;
  return static_cast<uint8_t>(high << 4 | low);
}

ByteIds byte_token_ids(const Vocabulary& vocabulary) {
  ByteIds ids;
  for (size_t byte = 0; byte < ids.size(); ++byte) {
    ids[byte] = vocabulary.id(byte_token(static_cast<uint8_t>(byte))).value_or(-1);
  }
  return ids;
}

bool has_byte_tokens(const ByteIds& ids, std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [&](char byte) { return ids[static_cast<unsigned char>(byte)] >= 0; });
}

}  // namespace matlora::text
