#include "matlora/text/jinja/attributes.h"

#include <algorithm>

#include "matlora/text/jinja/format.h"
#include "matlora/text/jinja/operators.h"
#include "matlora/text/jinja/python_text.h"
#include "matlora/text/jinja/show.h"

namespace matlora::text::jinja {
namespace {

Value dict_get(Machine&, const Value& self, const Bound& arguments) {
  const Value* const found = self.as_dict().find(*arguments[0]);
  return found ? *found : arguments.value_or(1, Value(None{}));
}

Value members_of(const Value& self, ListKind kind) {
  std::vector<Value> items;
  for (const auto& [key, value] : self.as_dict().members) {
    items.push_back(kind == ListKind::kKeys     ? key
                    : kind == ListKind::kValues ? value
                                                : make_list({key, value}, ListKind::kTuple));
  }
  spend(items.size());
  return make_list(std::move(items), kind);
}

Value dict_items(Machine&, const Value& self, const Bound&) {
  return members_of(self, ListKind::kItems);
}
Value dict_keys(Machine&, const Value& self, const Bound&) {
  return members_of(self, ListKind::kKeys);
}
Value dict_values(Machine&, const Value& self, const Bound&) {
  return members_of(self, ListKind::kValues);
}
Value same(Machine&, const Value& self, const Bound&) { return self; }

Value list_count(Machine&, const Value& self, const Bound& arguments) {
  const auto& items = self.as_list().items;
  return Value(static_cast<int64_t>(std::count_if(
      items.begin(), items.end(), [&](const Value& item) { return equal(item, *arguments[0]); })));
}

Value list_index(Machine&, const Value& self, const Bound& arguments) {
  const auto& items = self.as_list().items;
  const auto size = static_cast<int64_t>(items.size());
  const auto place = [&](size_t i, int64_t fallback) {
    const int64_t at = arguments.integer_or(i, fallback);
    return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size);
  };
  for (int64_t i = place(1, 0); i < place(2, size); ++i) {
    if (equal(items[static_cast<size_t>(i)], *arguments[0])) return Value(i);
  }
  fault(repr(*arguments[0]), " is not in list");
}

Value float_is_integer(Machine&, const Value& self, const Bound&) {
  const double value = self.as_float();
  return Value(value == static_cast<double>(static_cast<int64_t>(value)));
}

Value int_bit_length(Machine&, const Value& self, const Bound&) {
  const int64_t value = self.as_int();
  uint64_t size = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  int64_t bits = 0;
  for (; size > 0; size >>= 1) ++bits;
  return Value(bits);
}

constexpr Method kDictMethods[] = {{{"get", "/key default", 1}, dict_get},
                                   {{"items", "", 0}, dict_items},
                                   {{"keys", "", 0}, dict_keys},
                                   {{"values", "", 0}, dict_values},
                                   {{"copy", "", 0}, same}};
constexpr std::string_view kDictChanges[] = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr Method kListMethods[] = {{{"count", "/value", 1}, list_count},
                                   {{"index", "/value start stop", 1}, list_index},
                                   {{"copy", "", 0}, same}};
constexpr std::string_view kListChanges[] = {"append", "clear",  "extend",  "insert",
                                             "pop",    "remove", "reverse", "sort"};
constexpr Method kFloatMethods[] = {{{"is_integer", "", 0}, float_is_integer}};
constexpr Method kIntMethods[] = {{{"bit_length", "", 0}, int_bit_length},
                                  {{"conjugate", "", 0}, same}};

template <size_t n>
const Method* find_in(const Method (&methods)[n], std::string_view name) {
  for (const Method& method : methods) {
    if (method.signature.name == name) return &method;
  }
  return nullptr;
}

template <size_t n>
bool is_one_of(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

Value bound_method(const Value& self, const Method& method) {
  return make_function(
      std::string(method.signature.name),
      [self, &method](Machine& machine, Arguments& arguments) {
        return method.call(machine, self, Bound(method.signature, arguments));
      },
      self.depth());
}

const Method* find_method(const Value& value, std::string_view name) {
  if (value.is_string()) {
    const Method* const method = find_string_method(name);
    return method ? method : find_string_question(name);
  }
  if (value.is_dict()) return find_in(kDictMethods, name);
  if (value.is_float()) return find_in(kFloatMethods, name);
  if (value.is_integral()) return find_in(kIntMethods, name);
  if (!value.is_list()) return nullptr;
  const Method* const method = find_in(kListMethods, name);
  return value.is(ListKind::kList) || name != "copy" ? method : nullptr;
}

/// A method with arguments of its own kind: format and format_map.
std::optional<Value> format_method(const Value& value, const std::string& name) {
  if (!value.is_string() || (name != "format" && name != "format_map")) return std::nullopt;
  return make_function(name,
                       [value, is_map = name == "format_map"](Machine&, Arguments& arguments) {
                         if (!is_map) return format_braces(value, arguments);
                         if (arguments.positional.size() != 1 || !arguments.named.empty() ||
                             !arguments.positional[0].is_dict()) {
                           fault("format_map() takes exactly one mapping");
                         }
                         Arguments named;
                         for (const auto& [key, item] : arguments.positional[0].as_dict().members) {
                           if (key.is_string()) named.named.emplace_back(key.bytes(), item);
                         }
                         return format_braces(value, named);
                       });
}

bool changes(const Value& value, const std::string& name) {
  return (value.is_dict() && is_one_of(kDictChanges, name)) ||
         (value.is(ListKind::kList) && is_one_of(kListChanges, name));
}

/// Names that every object of Python has, which the sandbox keeps away.
bool is_internal(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "__class__",         "__doc__",       "__dict__",         "__init__",     "__new__",
      "__module__",        "__eq__",        "__ne__",           "__str__",      "__repr__",
      "__hash__",          "__dir__",       "__getattribute__", "__setattr__",  "__delattr__",
      "__reduce__",        "__reduce_ex__", "__sizeof__",       "__format__",   "__subclasshook__",
      "__init_subclass__", "__lt__",        "__le__",           "__gt__",       "__ge__",
      "__getstate__",      "__len__",       "__iter__",         "__contains__", "__getitem__",
      "__add__",           "__mul__"};
  return is_one_of(kNames, name);
}

}  // namespace

std::optional<Value> own_attribute(const Value& value, const std::string& name) {
  expect_defined(value);
  if (value.is_object()) {
    if (auto attribute = value.as_object().attribute(name)) return attribute;
  } else if (auto format = format_method(value, name)) {
    return format;
  } else if (const Method* const method = find_method(value, name)) {
    return bound_method(value, *method);
  } else if (value.is_string() && is_unsupported_string_method(name)) {
    return make_function(name, [name](Machine&, Arguments&) -> Value {
      fault("the method '", name, "' of strings is not supported");
    });
  } else if (value.is(ListKind::kTuple) && value.as_list().range[0] == 1 &&
             (name == "grouper" || name == "list")) {
    return value.as_list().items[name == "list"];  // what the filter groupby gives
  }
  if (changes(value, name) || is_internal(name)) {
    return make_undefined(cat("access to attribute ", python_quoted(name), " of '",
                              value.type_name(), "' object is unsafe."));
  }
  return std::nullopt;
}

Value get_attribute(const Value& value, const std::string& name) {
  spend();
  if (std::optional<Value> attribute = own_attribute(value, name)) return *attribute;
  if (value.is_dict()) {
    if (const Value* const found = value.as_dict().find(name)) return *found;
  }
  return undefined_attribute(value, python_quoted(name), false);
}

Value get_item(const Value& value, const Value& index) {
  spend();
  expect_defined(value);
  if (std::optional<Value> item = item_at(value, index)) return *item;
  if (index.is_string()) {
    if (std::optional<Value> attribute = own_attribute(value, index.bytes())) return *attribute;
  }
  return undefined_attribute(value, repr(index), !index.is_string());
}

Value get_path(const Value& value, const Value& path, const Value* fallback) {
  Value result = value;
  const auto go = [&](const Value& part) {
    result = get_item(result, part);
    if (fallback && !fallback->is_none() && result.is_undefined()) result = *fallback;
  };
  if (path.is_none()) return result;
  if (!path.is_string()) {
    go(path);
    return result;
  }
  std::string_view rest = path.bytes();
  for (;;) {
    const size_t end = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, end);
    int64_t index = 0;
    const bool digits = !part.empty() && part.find_first_not_of("0123456789") == part.npos;
    go(digits && read_int(part, 10, index) ? Value(index) : make_string(std::string(part)));
    if (end == rest.size()) return result;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace matlora::text::jinja
