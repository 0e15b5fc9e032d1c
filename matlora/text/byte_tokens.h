// Tokens "<0x00>" .. "<0xFF>" that stand for bytes where a vocabulary of text lacks a character.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "matlora/text/vocabulary.h"

namespace matlora::text {

/// "<0x0A>" for 10.
std::string byte_token(uint8_t byte);

/// The byte that `token` stands for; hexadecimal digits may be small.
std::optional<uint8_t> byte_of_token(std::string_view token);

using ByteIds = std::array<int32_t, 256>;  // -1: no such token

ByteIds byte_token_ids(const Vocabulary& vocabulary);

/// Whether each byte of `text` has a token.
bool has_byte_tokens(const ByteIds& ids, std::string_view text);

}  // namespace matlora::text
