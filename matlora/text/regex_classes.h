// What the names of character classes mean in Oniguruma (that of `tokenizers` 0.23.3, Unicode 16),
// said in terms of PCRE2's classes, whose Unicode is the installed library's (14 or later).
#pragma once

#include <span>
#include <string_view>

namespace matlora::text {

struct RegexClass {
  std::string_view names;  // " lu uppercaseletter ": \p{..}; "[:alpha:]"; "\d": each between spaces
  std::string_view base;   // for the inside of a PCRE2 class
  std::string_view added, removed;  // code points: "1C89-1C8A A7CB"
};

/// Every name that PCRE2 reads otherwise than Oniguruma, or does not know.
std::span<const RegexClass> regex_classes();

/// Scripts that are as PCRE2's \p{sc:..} has them, each between spaces. (Its \p{..} also has what
/// scripts share.)
std::string_view regex_scripts();

}  // namespace matlora::text
