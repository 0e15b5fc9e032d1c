// Numbers and texts at a width: what both kinds of format share.
#pragma once

#include <string>
#include <string_view>

#include "matlora/text/jinja/value.h"

namespace matlora::text::jinja {

/// A width or a precision at the front of `text`, which loses it; -1 when there is none. Throws
/// Fault beyond a million.
int64_t read_count(std::string_view& text);

/// A float's digits without its sign, `kind` one of e, E, f, F, g, G; `alternate` keeps the point.
std::string float_digits(double value, char kind, int64_t precision, bool alternate);

/// An integer's digits without its sign in a base; `upper` for X.
std::string integer_digits(int64_t value, int base, bool upper);

/// `text` filled with copies of the UTF-8 character `fill` to `width` characters; align is <, > or
/// ^.
std::string aligned(std::string_view text, std::string_view fill, char align, int64_t width);

}  // namespace matlora::text::jinja
