// The byte-level alphabet: each of the 256 bytes is written as one printable character, so that a
// vocabulary of byte strings can be stored as text (GPT-2's convention).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace matlora::text {

/// The characters (UTF-8) that stand for `bytes`.
std::string to_byte_characters(std::string_view bytes);

/// The bytes that `characters` stand for; nothing when a character is not of the alphabet.
std::optional<std::string> from_byte_characters(std::string_view characters);

}  // namespace matlora::text
