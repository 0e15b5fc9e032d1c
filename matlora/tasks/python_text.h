// Strings as Python's str methods treat them; valid UTF-8 throughout.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace matlora::tasks {

/// `str.strip()`: without the white space (str.isspace) at both ends.
std::string strip(std::string_view text);

/// `str.lstrip()`, `str.rstrip()`
std::string left_strip(std::string_view text);
std::string right_strip(std::string_view text);

/// `str.capitalize()`: the first character in title case, the rest in lower case.
std::string capitalize(std::string_view text);

/// `str.lower()`
std::string lower(std::string_view text);

/// `str.replace(what, with)`. REQUIRES: `what` is not empty.
std::string replace(std::string_view text, std::string_view what, std::string_view with);

/// `len(text)`
int64_t code_points(std::string_view text);

}  // namespace matlora::tasks
