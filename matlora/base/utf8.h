// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace matlora {

/// Bytes (1..4) of the well-formed sequence that `text` begins with, or 0 when there is none.
size_t utf8_sequence_length(std::string_view text);

/// Offset of the first byte that is not part of well-formed UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);

}  // namespace matlora
