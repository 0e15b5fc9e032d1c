// value.name and value[index], as the immutable sandbox of jinja2 allows them.
#pragma once

#include <string>

#include "matlora/text/jinja/bind.h"

namespace matlora::text::jinja {

/// Methods come before the keys of a dict. Undefined where there is nothing; what would change the
/// value is undefined too. Throws Fault for an undefined `value`.
Value get_attribute(const Value& value, const std::string& name);
/// Items come before methods.
Value get_item(const Value& value, const Value& index);
/// "a.b.0": one after the other, as filters take attributes; an integer is an index.
Value get_path(const Value& value, const Value& path, const Value* fallback = nullptr);

/// What the value's type has by that name, whatever keys it holds; nothing where it has none.
std::optional<Value> own_attribute(const Value& value, const std::string& name);

/// A method of a plain type.
struct Method {
  Signature signature;
  Value (*call)(Machine& machine, const Value& self, const Bound& arguments);
};

/// By a method's name, or null.
const Method* find_string_method(std::string_view name);
const Method* find_string_question(std::string_view name);  ///< isdigit, ..
bool is_unsupported_string_method(std::string_view name);   ///< encode, ..

}  // namespace matlora::text::jinja
