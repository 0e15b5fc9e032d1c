// Filters and tests by their names. Source of what they do: jinja2's documentation, "List of
// Builtin Filters" and "List of Builtin Tests".
#pragma once

#include <span>
#include <string_view>

#include "matlora/text/jinja/bind.h"

namespace matlora::text::jinja {

struct Filter {
  using Plain = Value (*)(Machine&, const Value&, const Bound&);
  using Open = Value (*)(Machine&, const Value&, Arguments&);

  Signature signature;
  Plain plain = nullptr;  // arguments by the signature
  Open open = nullptr;    // else any arguments

  Value call(Machine& machine, const Value& value, Arguments& arguments) const {
    return plain ? plain(machine, value, Bound(signature, arguments))
                 : open(machine, value, arguments);
  }
};

struct Test {
  Signature signature;
  bool (*ask)(const Value&, const Bound&);

  bool call(Machine&, const Value& value, Arguments& arguments) const {
    return ask(value, Bound(signature, arguments));
  }
};

const Filter* find_filter(std::string_view name);  ///< null when there is none
const Test* find_test(std::string_view name);

// By subject, a file each.
std::span<const Filter> text_filters();
std::span<const Filter> list_filters();
std::span<const Filter> choice_filters();  ///< map, select, ..: what takes other filters or tests
std::span<const Filter> number_filters();

/// What sorts and groups: strings in lower case unless `case_sensitive`.
Value sort_key(const Value& value, bool case_sensitive);

}  // namespace matlora::text::jinja
