// Where one text differs from another one, word by word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace matlora::report {

/// A word with the space behind it, a part of the text it is from.
struct Word {
  std::string_view text;
  bool changed = false;
};

/// The words of `text`, one behind the other the whole of it. Very long ones come in pieces.
/// Nothing is cut inside a character of valid UTF-8.
std::vector<Word> words_of(std::string_view text);

/// The words of `text`; changed: not in a longest common subsequence with those of `before`, where
/// the space behind a word does not count. What
/// both begin and end with is never changed; where the rest is too long to compare all of it is.
std::vector<Word> changed_words(std::string_view text, std::string_view before);

}  // namespace matlora::report
