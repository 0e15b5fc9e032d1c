// What tokenizers and tasks ask of Unicode: code points, two character classes, case, normal forms.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace matlora::text {

/// The code point at `offset` of valid UTF-8; advances `offset` past it. REQUIRES: offset < size.
char32_t next_code_point(std::string_view text, size_t& offset);

/// The code point that ends at the end of `text`. REQUIRES: `text` is not empty.
char32_t last_code_point(std::string_view text);

bool is_white_space(char32_t c);  ///< the property White_Space
bool is_number(char32_t c);       ///< general category N

/// `text` (valid UTF-8), each character in lower or title case, by Unicode's simple mappings;
/// U+0130 becomes i and a dot above.
std::string to_lower(std::string_view text);
std::string to_title(std::string_view text);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

/// `text` (valid UTF-8) in the normal form.
std::string normalize(std::string_view text, NormalForm form);

}  // namespace matlora::text
