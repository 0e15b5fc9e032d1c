// What tokenizers and tasks ask of Unicode: code points, two character classes, normal forms.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace matlora::text {

/// The code point at `offset` of valid UTF-8; advances `offset` past it. REQUIRES: offset < size.
char32_t next_code_point(std::string_view text, size_t& offset);

/// `c` as UTF-8.
std::string utf8(char32_t c);

/// The code point that ends at the end of `text`. REQUIRES: `text` is not empty.
char32_t last_code_point(std::string_view text);

bool is_white_space(char32_t c);      ///< the property White_Space
bool is_number(char32_t c);           ///< general category N
bool is_mark(char32_t c);             ///< general category M
bool is_nonspacing_mark(char32_t c);  ///< general category Mn
bool is_control(char32_t c);          ///< general category Cc, Cf or Co
bool is_punctuation(char32_t c);  ///< general category P, or what ASCII has besides digits, letters

/// Bytes of white space that `text` begins or ends with.
size_t leading_white_space(std::string_view text);
size_t trailing_white_space(std::string_view text);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

/// `text` (valid UTF-8) in the normal form.
std::string normalize(std::string_view text, NormalForm form);

}  // namespace matlora::text
