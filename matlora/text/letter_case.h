// Letters in lower and title case by Unicode's full mappings, as Python's str methods apply them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace matlora::text {

/// `text` (valid UTF-8) from byte `begin` on, in lower case. A capital sigma becomes a final one
/// where a word ends; what is before `begin` counts for that. REQUIRES: `begin` starts a character.
/// Source: Unicode's SpecialCasing.txt, its section on conditional mappings.
std::string to_lower(std::string_view text, size_t begin = 0);

/// One character in title case, which may be up to three: U+00DF is "Ss".
std::string to_title(char32_t c);

/// One character in upper case: U+00DF is "SS".
std::string to_upper(char32_t c);

}  // namespace matlora::text
