// Metaspace: a visible character in the place of spaces (SentencePiece's convention).
#pragma once

#include <string>

namespace matlora {
class JsonObject;
}

namespace matlora::text {

/// What a pre-tokenizer or decoder of that type says.
struct Metaspace {
  enum class Prepend { kAlways, kFirst, kNever };

  std::string replacement;  // one character
  Prepend prepend;          // where one more goes in front of a text: after added tokens too
  bool split;               // each word is a piece

  /// Older files have add_prefix_space in place of prepend_scheme, and str_rep, which means
  /// nothing. Throws UserError when these contradict each other.
  static Metaspace read(const JsonObject& part);
};

}  // namespace matlora::text
