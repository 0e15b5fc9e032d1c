// Values as text: Python's str and repr, and JSON.
#pragma once

#include <optional>
#include <string>

#include "matlora/text/jinja/value.h"

namespace matlora::text::jinja {

std::string to_text(const Value& value);  ///< str()
std::string repr(const Value& value);
void add_text(Builder& out, const Value& value);
void add_repr(Builder& out, const Value& value);

struct JsonStyle {
  bool ascii = false;                 // other characters as \u escapes
  std::optional<std::string> indent;  // of one level; none: one line
  std::string comma = ", ", colon = ": ";
  bool sort_keys = false;
};

/// As Python's json.dumps writes it. Throws Fault for what JSON has not.
std::string to_json(const Value& value, const JsonStyle& style);

}  // namespace matlora::text::jinja
