// Regular expressions as the pre-tokenizers of `tokenizers` mean them (Oniguruma, Ruby's syntax),
// run by PCRE2.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::text {

/// \w of the Rust crate `regex` as the inside of a class: letters, marks, digits, connectors,
/// joiners.
extern const char* const kRustWord;

class Regex {
 public:
  /// Throws UserError at `where` when `pattern` does not compile.
  Regex(const std::string& pattern, const std::string& where);

  /// Begin and end of the first match that starts at `from` or later in `text` (valid UTF-8):
  /// from <= begin <= end, whatever a \K in it says.
  /// Thread-safe. Throws UserError when the matcher runs out of its limits.
  std::optional<std::pair<size_t, size_t>> find(std::string_view text, size_t from) const;

  /// The same with the pattern's groups behind the match, by their numbers; one that took no part
  /// is empty at 0. Empty when there is no match.
  std::vector<std::pair<size_t, size_t>> find_groups(std::string_view text, size_t from) const;

 private:
  struct Code;
  std::shared_ptr<const Code> code_;
};

}  // namespace matlora::text
