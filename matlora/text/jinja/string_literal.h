// The escapes of a string in a template, which are Python's.
#pragma once

#include <string>
#include <string_view>

namespace matlora::text::jinja {

/// What is between the quotes of a string -> its text. Throws Fault with `line` for an escape that
/// is cut, names no character, or is one by name ("\N{..}").
std::string unescaped(std::string_view text, int line);

}  // namespace matlora::text::jinja
