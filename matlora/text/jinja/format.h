// "%s" % values, and "{}".format(values).
#pragma once

#include <functional>

#include "matlora/text/jinja/machine.h"

namespace matlora::text::jinja {

/// The operator % of a string; `values` is a tuple, a dict, or one value.
Value format_percent(const Value& format, const Value& values);

/// str.format. Fields may go into attributes and items of values, as the sandbox lets templates.
Value format_braces(const Value& format, const Arguments& arguments);

/// format(value, spec).
std::string format_value(const Value& value, std::string_view spec);

}  // namespace matlora::text::jinja
