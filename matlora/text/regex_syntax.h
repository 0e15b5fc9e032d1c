// Regular expressions in Oniguruma's syntax, rewritten for PCRE2.
#pragma once

#include <string>

namespace matlora::text {

/// `pattern` with each class of characters, \b too, said in a way that makes PCRE2 hold what
/// Oniguruma holds. Other syntax stays. Throws UserError at `where` for operations on sets in [].
std::string to_pcre(const std::string& pattern, const std::string& where);

}  // namespace matlora::text
