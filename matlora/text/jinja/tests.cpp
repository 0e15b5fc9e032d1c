#include "matlora/text/jinja/filters.h"
#include "matlora/text/jinja/globals.h"
#include "matlora/text/jinja/iterate.h"
#include "matlora/text/jinja/loop.h"
#include "matlora/text/jinja/operators.h"
#include "matlora/text/jinja/show.h"
#include "matlora/text/jinja/split.h"

namespace matlora::text::jinja {
namespace {

bool remainder_is(const Value& value, const Value& by, int64_t rest) {
  return equal(arithmetic("%", value, by), Value(rest));
}

bool odd(const Value& value, const Bound&) { return remainder_is(value, Value(int64_t{2}), 1); }
bool even(const Value& value, const Bound&) { return remainder_is(value, Value(int64_t{2}), 0); }
bool divisible(const Value& value, const Bound& arguments) {
  return remainder_is(value, *arguments[0], 0);
}
bool defined(const Value& value, const Bound&) { return !value.is_undefined(); }
bool undefined(const Value& value, const Bound&) { return value.is_undefined(); }
bool none(const Value& value, const Bound&) { return value.is_none(); }
bool boolean(const Value& value, const Bound&) { return value.is_bool(); }
bool is_false(const Value& value, const Bound&) { return value.is_bool() && !value.as_bool(); }
bool is_true(const Value& value, const Bound&) { return value.is_bool() && value.as_bool(); }
bool integer(const Value& value, const Bound&) { return value.is_int(); }
bool floating(const Value& value, const Bound&) { return value.is_float(); }
bool number(const Value& value, const Bound&) { return value.is_number(); }
bool string(const Value& value, const Bound&) { return value.is_string(); }
bool mapping(const Value& value, const Bound&) { return value.is_dict(); }
bool iterable(const Value& value, const Bound&) {
  return is_iterable(value) || value.object_as<Loop>();
}
bool sequence(const Value& value, const Bound&) {
  return value.is_undefined() || value.is_string() || value.is_dict() ||
         value.is(ListKind::kList) || value.is(ListKind::kTuple) || value.is(ListKind::kRange);
}
bool callable(const Value& value, const Bound&) {
  return value.is_undefined() || value.object_as<Function>() || value.object_as<Macro>() ||
         value.object_as<Loop>() || value.object_as<CallableObject>();
}
bool same_as(const Value& value, const Bound& arguments) { return value.same_as(*arguments[0]); }
bool escaped(const Value& value, const Bound&) { return value.is_markup(); }
bool lower(const Value& value, const Bound&) { return is_lower_text(to_text(value)); }
bool upper(const Value& value, const Bound&) { return is_upper_text(to_text(value)); }
bool in(const Value& value, const Bound& arguments) { return contains(*arguments[0], value); }
bool is_filter(const Value& value, const Bound&) {
  return value.is_string() && find_filter(value.bytes());
}
bool is_test(const Value& value, const Bound&) {
  return value.is_string() && find_test(value.bytes());
}
bool eq(const Value& value, const Bound& other) { return compare("==", value, *other[0]); }
bool ne(const Value& value, const Bound& other) { return compare("!=", value, *other[0]); }
bool lt(const Value& value, const Bound& other) { return compare("<", value, *other[0]); }
bool le(const Value& value, const Bound& other) { return compare("<=", value, *other[0]); }
bool gt(const Value& value, const Bound& other) { return compare(">", value, *other[0]); }
bool ge(const Value& value, const Bound& other) { return compare(">=", value, *other[0]); }

constexpr Test kTests[] = {{{"odd", "", 0}, odd},
                           {{"even", "", 0}, even},
                           {{"divisibleby", "num", 1}, divisible},
                           {{"defined", "", 0}, defined},
                           {{"undefined", "", 0}, undefined},
                           {{"filter", "", 0}, is_filter},
                           {{"test", "", 0}, is_test},
                           {{"none", "", 0}, none},
                           {{"boolean", "", 0}, boolean},
                           {{"false", "", 0}, is_false},
                           {{"true", "", 0}, is_true},
                           {{"integer", "", 0}, integer},
                           {{"float", "", 0}, floating},
                           {{"number", "", 0}, number},
                           {{"string", "", 0}, string},
                           {{"mapping", "", 0}, mapping},
                           {{"iterable", "", 0}, iterable},
                           {{"sequence", "", 0}, sequence},
                           {{"callable", "", 0}, callable},
                           {{"sameas", "other", 1}, same_as},
                           {{"escaped", "", 0}, escaped},
                           {{"lower", "", 0}, lower},
                           {{"upper", "", 0}, upper},
                           {{"in", "seq", 1}, in},
                           {{"==", "/other", 1}, eq},
                           {{"eq", "/other", 1}, eq},
                           {{"equalto", "/other", 1}, eq},
                           {{"!=", "/other", 1}, ne},
                           {{"ne", "/other", 1}, ne},
                           {{"<", "/other", 1}, lt},
                           {{"lt", "/other", 1}, lt},
                           {{"lessthan", "/other", 1}, lt},
                           {{"<=", "/other", 1}, le},
                           {{"le", "/other", 1}, le},
                           {{">", "/other", 1}, gt},
                           {{"gt", "/other", 1}, gt},
                           {{"greaterthan", "/other", 1}, gt},
                           {{">=", "/other", 1}, ge},
                           {{"ge", "/other", 1}, ge}};

}  // namespace

const Test* find_test(std::string_view name) {
  for (const Test& test : kTests) {
    if (test.signature.name == name) return &test;
  }
  return nullptr;
}

}  // namespace matlora::text::jinja
