// Filters that take other filters, tests or attributes by their names.
#include <algorithm>

#include "matlora/text/jinja/attributes.h"
#include "matlora/text/jinja/filters.h"
#include "matlora/text/jinja/iterate.h"

namespace matlora::text::jinja {
namespace {

const std::string& name_of(const Value& value) {
  expect_defined(value);
  if (!value.is_string())
    fault("a filter or test is named by a string, not by ", value.type_name());
  return value.bytes();
}

/// The argument of that name, which goes; None where it is absent.
Value take_named(Arguments& arguments, std::string_view name) {
  const auto found = std::find_if(arguments.named.begin(), arguments.named.end(),
                                  [&](const auto& one) { return one.first == name; });
  Value value(None{});
  if (found == arguments.named.end()) return value;
  std::swap(value, found->second);
  arguments.named.erase(found);
  return value;
}

Value map(Machine& machine, const Value& value, Arguments& arguments) {
  if (!truth(value)) return make_generator(0, [] { return std::nullopt; });
  const uint32_t depth = std::max(value.depth(), arguments.depth());
  const bool by_attribute = arguments.positional.empty() &&
                            std::any_of(arguments.named.begin(), arguments.named.end(),
                                        [](const auto& one) { return one.first == "attribute"; });
  if (by_attribute) {
    const Value attribute = take_named(arguments, "attribute");
    const Value fallback = take_named(arguments, "default");
    if (!arguments.named.empty()) {
      fault("Unexpected keyword argument '", printable(arguments.named[0].first), "'");
    }
    return make_generator(
        depth, [attribute, fallback, next = iterate(value)]() -> std::optional<Value> {
          const std::optional<Value> item = next();
          return item ? std::optional(get_path(*item, attribute, &fallback)) : std::nullopt;
        });
  }
  if (arguments.positional.empty()) fault("map requires a filter argument");
  const Value name = arguments.positional[0];
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin());
  return make_generator(depth,
                        [&machine, name, rest, next = iterate(value)]() -> std::optional<Value> {
                          const std::optional<Value> item = next();
                          if (!item) return std::nullopt;
                          Arguments given = rest;
                          return machine.filter(name_of(name), *item, given);
                        });
}

/// select and its siblings: those items whose test (or truth) is `wanted`; of an attribute where
/// `of_attribute`.
Value choose(Machine& machine, const Value& value, Arguments& arguments, bool wanted,
             bool of_attribute) {
  if (!truth(value)) return make_generator(0, [] { return std::nullopt; });
  const uint32_t depth = std::max(value.depth(), arguments.depth());
  Arguments rest = arguments;
  const auto take_first = [&] {
    Value taken = rest.positional[0];
    rest.positional.erase(rest.positional.begin());
    return taken;
  };
  if (of_attribute && rest.positional.empty()) fault("Missing parameter for attribute name");
  const Value attribute = of_attribute ? take_first() : Value(None{});
  const bool has_test = !rest.positional.empty();
  const Value name = has_test ? take_first() : Value(None{});
  const auto next = [&machine, wanted, attribute, has_test, name, rest,
                     all = iterate(value)]() -> std::optional<Value> {
    while (std::optional<Value> item = all()) {
      const Value asked = get_path(*item, attribute);
      Arguments given = rest;
      const bool yes = has_test ? machine.test(name_of(name), asked, given) : truth(asked);
      if (yes == wanted) return item;
    }
    return std::nullopt;
  };
  return make_generator(depth, next);
}

Value select(Machine& machine, const Value& value, Arguments& arguments) {
  return choose(machine, value, arguments, true, false);
}
Value reject(Machine& machine, const Value& value, Arguments& arguments) {
  return choose(machine, value, arguments, false, false);
}
Value select_attribute(Machine& machine, const Value& value, Arguments& arguments) {
  return choose(machine, value, arguments, true, true);
}
Value reject_attribute(Machine& machine, const Value& value, Arguments& arguments) {
  return choose(machine, value, arguments, false, true);
}

Value attribute(Machine&, const Value& value, const Bound& arguments) {
  std::optional<Value> found = own_attribute(value, arguments.string(0));
  return found ? *found : undefined_attribute(value, "'" + arguments.string(0) + "'", false);
}

constexpr Filter kFilters[] = {{{"map", "", 0}, nullptr, map},
                               {{"select", "", 0}, nullptr, select},
                               {{"reject", "", 0}, nullptr, reject},
                               {{"selectattr", "", 0}, nullptr, select_attribute},
                               {{"rejectattr", "", 0}, nullptr, reject_attribute},
                               {{"attr", "name", 1}, attribute, nullptr}};

}  // namespace

std::span<const Filter> choice_filters() { return kFilters; }

}  // namespace matlora::text::jinja
