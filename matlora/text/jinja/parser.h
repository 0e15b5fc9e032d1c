// Tokens -> a program. The grammar is jinja2's with the extensions that transformers loads: loop
// controls and {% generation %}.
#pragma once

#include <string_view>

#include "matlora/text/jinja/ast.h"

namespace matlora::text::jinja {

/// Throws Fault with its line: a syntax error, an unknown tag, filter or test, nesting beyond 200
/// levels, or a tag that reads other files (import, include, extends). REQUIRES: valid UTF-8.
Program parse(std::string_view source);

}  // namespace matlora::text::jinja
