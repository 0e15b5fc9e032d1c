// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace matlora {

/// Bytes (1..4) of the well-formed sequence that `text` begins with, or 0 when there is none.
size_t utf8_sequence_length(std::string_view text);

/// Offset of the first byte that is not part of well-formed UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);

/// Bytes that arrive piece by piece -> text that can be shown: a character whose last bytes are
/// still to come is held back, bytes that can be no character become U+FFFD.
class Utf8Stream {
 public:
  /// The text that is complete once `bytes` have arrived.
  std::string feed(std::string_view bytes);

  /// What is still held back, when no more bytes come.
  std::string finish();

 private:
  std::string held_;
};

/// Utf8Stream in one call: `bytes` with invalid sequences replaced by U+FFFD, one for each maximal
/// part of a sequence that could have become a character (as Unicode recommends and Python does).
std::string valid_utf8(std::string_view bytes);

}  // namespace matlora
