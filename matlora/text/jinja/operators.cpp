#include "matlora/text/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "matlora/text/jinja/format.h"
#include "matlora/text/jinja/iterate.h"
#include "matlora/text/jinja/python_text.h"

namespace matlora::text::jinja {
namespace {

[[noreturn]] void fault_types(std::string_view operation, const Value& a, const Value& b) {
  expect_defined(a);
  expect_defined(b);
  fault("unsupported operand type(s) for ", operation, ": '", a.type_name(), "' and '",
        b.type_name(), "'");
}

[[noreturn]] void fault_too_large() { fault("an integer is beyond 64 bits"); }

int64_t floor_divide(int64_t a, int64_t b) {
  if (b == -1) {
    if (a == INT64_MIN) fault_too_large();
    return -a;
  }
  const int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

int64_t floor_remainder(int64_t a, int64_t b) {
  if (b == -1) return 0;
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

double float_remainder(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

double float_floor_divide(double a, double b) {
  const double quotient = (a - float_remainder(a, b)) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

Value integer_power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) fault("0.0 cannot be raised to a negative power");
    return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  if (base == 1 || base == 0 || base == -1) {
    return Value(exponent == 0 ? int64_t{1} : base == -1 && exponent % 2 == 0 ? int64_t{1} : base);
  }
  for (; exponent > 0; --exponent) {
    if (__builtin_mul_overflow(result, base, &result)) fault_too_large();
  }
  return Value(result);
}

Value integer_arithmetic(std::string_view operation, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  if (operation == "+") {
    overflow = __builtin_add_overflow(a, b, &result);
  } else if (operation == "-") {
    overflow = __builtin_sub_overflow(a, b, &result);
  } else if (operation == "*") {
    overflow = __builtin_mul_overflow(a, b, &result);
  } else if (operation == "**") {
    return integer_power(a, b);
  } else if (b == 0) {
    fault(operation == "/" ? "division by zero" : "integer division or modulo by zero");
  } else if (operation == "/") {
    return Value(static_cast<double>(a) / static_cast<double>(b));
  } else {
    result = operation == "//" ? floor_divide(a, b) : floor_remainder(a, b);
  }
  if (overflow) fault_too_large();
  return Value(result);
}

Value float_arithmetic(std::string_view operation, double a, double b) {
  if (operation == "+") return Value(a + b);
  if (operation == "-") return Value(a - b);
  if (operation == "*") return Value(a * b);
  if (operation == "**") {
    if (a == 0 && b < 0) fault("0.0 cannot be raised to a negative power");
    const double result = std::pow(a, b);
    if (std::isnan(result) && !std::isnan(a) && !std::isnan(b)) fault("a power that is complex");
    if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) fault("a power is too large");
    return Value(result);
  }
  if (b == 0) fault("float division by zero");
  if (operation == "/") return Value(a / b);
  if (operation == "//") return Value(float_floor_divide(a, b));
  return Value(float_remainder(a, b));
}

Value repeated(const Value& value, int64_t times) {
  const size_t count = times < 0 ? 0 : static_cast<size_t>(times);
  const auto size = static_cast<size_t>(
      value.is_string() ? static_cast<int64_t>(value.bytes().size()) : *length_of(value));
  if (size == 0 || count == 0) {
    return value.is_string() ? make_string("", value.is_markup())
                             : make_list({}, value.as_list().kind);
  }
  const size_t item = value.is_string() ? 1 : sizeof(Value);
  // Beyond every limit, and within size_t.
  expect_memory(count > (size_t{1} << 40) / size ? size_t{1} << 50 : size * count * item);
  if (value.is_string()) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += value.bytes();
    return make_string(std::move(text), value.is_markup());
  }
  std::vector<Value> items;
  const auto& all = value.as_list().items;
  for (size_t i = 0; i < count; ++i) items.insert(items.end(), all.begin(), all.end());
  return make_list(std::move(items), value.as_list().kind);
}

Value added(const Value& a, const Value& b) {
  if (a.is_string() && b.is_string()) {
    const bool markup = a.is_markup() || b.is_markup();
    const auto part = [&](const Value& value) {
      return markup && !value.is_markup() ? escape_html(value.bytes()) : value.bytes();
    };
    expect_memory(a.bytes().size() + b.bytes().size());
    return make_string(part(a) + part(b), markup);
  }
  if (a.is_list() && b.is_list() && a.as_list().kind == b.as_list().kind &&
      (a.is(ListKind::kList) || a.is(ListKind::kTuple))) {
    const auto& first = a.as_list().items;
    const auto& second = b.as_list().items;
    expect_memory((first.size() + second.size()) * sizeof(Value));
    std::vector<Value> items = first;
    items.insert(items.end(), second.begin(), second.end());
    return make_list(std::move(items), a.as_list().kind);
  }
  if (a.is_string() && b.is_undefined()) fault_undefined(b);
  if (a.is_string()) fault("can only concatenate str (not \"", b.type_name(), "\") to str");
  fault_types("+", a, b);
}

bool is_sequence(const Value& value) {
  return value.is_string() || value.is(ListKind::kList) || value.is(ListKind::kTuple);
}

/// Whether a goes before b, or equal where `or_equal`, of two lists.
bool lists_ordered(std::string_view operation, const List& a, const List& b) {
  for (size_t i = 0; i < std::min(a.items.size(), b.items.size()); ++i) {
    if (!equal(a.items[i], b.items[i])) return compare(operation, a.items[i], b.items[i]);
  }
  const auto [x, y] = std::pair(a.items.size(), b.items.size());
  return operation == "<" ? x < y : operation == "<=" ? x <= y : operation == ">" ? x > y : x >= y;
}

template <class T>
bool ordered(std::string_view operation, const T& a, const T& b) {
  return operation == "<" ? a < b : operation == "<=" ? a <= b : operation == ">" ? a > b : a >= b;
}

bool order(std::string_view operation, const Value& a, const Value& b) {
  spend();
  if (a.is_integral() && b.is_integral()) return ordered(operation, a.as_int(), b.as_int());
  if (a.is_number() && b.is_number()) return ordered(operation, a.as_float(), b.as_float());
  if (a.is_string() && b.is_string()) return ordered(operation, a.bytes(), b.bytes());
  if ((a.is(ListKind::kList) && b.is(ListKind::kList)) ||
      (a.is(ListKind::kTuple) && b.is(ListKind::kTuple))) {
    return lists_ordered(operation, a.as_list(), b.as_list());
  }
  expect_defined(a);
  expect_defined(b);
  fault("'", operation, "' not supported between instances of '", a.type_name(), "' and '",
        b.type_name(), "'");
}

/// The place of an index that is there: 0 <= result < size.
std::optional<size_t> place_of(int64_t index, size_t size) {
  const auto length = static_cast<int64_t>(size);
  if (index < 0) index += length;
  if (index < 0 || index >= length) return std::nullopt;
  return static_cast<size_t>(index);
}

}  // namespace

Value arithmetic(std::string_view operation, const Value& a, const Value& b) {
  spend();
  if (a.is_integral() && b.is_integral()) {
    return integer_arithmetic(operation, a.as_int(), b.as_int());
  }
  if (a.is_number() && b.is_number())
    return float_arithmetic(operation, a.as_float(), b.as_float());
  if (operation == "+") return added(a, b);
  if (operation == "%" && a.is_string()) return format_percent(a, b);
  if (operation == "*" && is_sequence(a) && b.is_integral()) return repeated(a, b.as_int());
  if (operation == "*" && is_sequence(b) && a.is_integral()) return repeated(b, a.as_int());
  fault_types(operation, a, b);
}

Value negative(const Value& value) {
  expect_defined(value);
  if (value.is_float()) return Value(-value.as_float());
  if (!value.is_integral()) fault("bad operand type for unary -: '", value.type_name(), "'");
  return integer_arithmetic("-", 0, value.as_int());
}

Value positive(const Value& value) {
  expect_defined(value);
  if (value.is_float()) return value;
  if (!value.is_integral()) fault("bad operand type for unary +: '", value.type_name(), "'");
  return Value(value.as_int());
}

bool less(const Value& a, const Value& b) { return order("<", a, b); }

bool contains(const Value& all, const Value& item) {
  spend();
  if (all.is_string()) {
    if (!item.is_string()) {
      fault("'in <string>' requires string as left operand, not ",
            item.is_undefined() ? "Undefined" : item.type_name());
    }
    spend(all.bytes().size() / 64);
    return all.bytes().find(item.bytes()) != std::string::npos;
  }
  if (all.is_dict()) return all.as_dict().find(item) != nullptr;
  if (!is_iterable(all)) fault("argument of type '", all.type_name(), "' is not iterable");
  const Next next = iterate(all);
  while (const std::optional<Value> one = next()) {
    if (one->same_as(item) || equal(*one, item)) return true;
  }
  return false;
}

bool compare(std::string_view operation, const Value& a, const Value& b) {
  if (operation == "==") return equal(a, b);
  if (operation == "!=") return !equal(a, b);
  if (operation == "in") return contains(b, a);
  if (operation == "not in") return !contains(b, a);
  return order(operation, a, b);
}

std::optional<Value> item_at(const Value& value, const Value& index) {
  if (value.is_dict()) {
    if (index.is(ListKind::kList) || index.is_dict()) return std::nullopt;
    const Value* const found = value.as_dict().find(index);
    return found ? std::optional(*found) : std::nullopt;
  }
  if (!index.is_integral()) return std::nullopt;
  if (value.is_string()) {
    const String& text = value.as_string();
    const auto place = place_of(index.as_int(), text.characters);
    if (!place) return std::nullopt;
    spend(text.bytes.size() / 64);
    const bool ascii = text.characters == text.bytes.size();
    const size_t begin = ascii ? *place : byte_of_character(text.bytes, *place);
    const size_t size =
        ascii ? 1 : byte_of_character(std::string_view(text.bytes).substr(begin), 1);
    return make_string(text.bytes.substr(begin, size), text.markup);
  }
  if (value.is(ListKind::kList) || value.is(ListKind::kTuple) || value.is(ListKind::kRange)) {
    const auto& items = value.as_list().items;
    const auto place = place_of(index.as_int(), items.size());
    return place ? std::optional(items[*place]) : std::nullopt;
  }
  return std::nullopt;
}

namespace {

/// A bound of a slice: its number, or `fallback` where it is none.
int64_t bound(const Value* value, int64_t fallback) {
  if (!value || value->is_none()) return fallback;
  if (!value->is_integral()) {
    fault("slice indices must be integers or None or have an __index__ method");
  }
  return value->as_int();
}

/// The places that a slice takes of `size`, as Python's slice.indices counts them.
std::vector<size_t> places(int64_t size, const Value* start, const Value* stop, const Value* step) {
  const int64_t by = bound(step, 1);
  if (by == 0) fault("slice step cannot be zero");
  const int64_t lowest = by < 0 ? -1 : 0, highest = by < 0 ? size - 1 : size;
  const auto clamped = [&](const Value* value, int64_t fallback) {
    int64_t at = bound(value, fallback);
    if (value && !value->is_none() && at < 0) at = at < -size ? lowest : at + size;
    return std::clamp(at, lowest, highest);
  };
  const int64_t begin = clamped(start, by < 0 ? highest : lowest);
  const int64_t end = clamped(stop, by < 0 ? lowest : highest);
  std::vector<size_t> result;
  for (int64_t at = begin; by < 0 ? at > end : at < end;) {
    result.push_back(static_cast<size_t>(at));
    if (__builtin_add_overflow(at, by, &at)) break;
  }
  return result;
}

}  // namespace

std::optional<Value> slice(const Value& value, const Value* start, const Value* stop,
                           const Value* step) {
  if (value.is_string()) {
    const String& text = value.as_string();
    expect_memory(text.characters * sizeof(size_t));
    const auto taken = places(static_cast<int64_t>(text.characters), start, stop, step);
    std::string result;
    if (text.characters == text.bytes.size()) {
      for (const size_t place : taken) result += text.bytes[place];
      return make_string(std::move(result), text.markup);
    }
    const std::vector<char32_t> characters = to_characters(text.bytes);
    std::vector<char32_t> kept;
    for (const size_t place : taken) kept.push_back(characters[place]);
    return make_string(to_bytes(kept), text.markup);
  }
  if (value.is(ListKind::kList) || value.is(ListKind::kTuple) || value.is(ListKind::kRange)) {
    const auto& all = value.as_list().items;
    spend(all.size());
    std::vector<Value> items;
    for (const size_t place : places(static_cast<int64_t>(all.size()), start, stop, step)) {
      items.push_back(all[place]);
    }
    if (!value.is(ListKind::kRange)) return make_list(std::move(items), value.as_list().kind);
    return make_list(std::move(items));  // of a range: shown as a list
  }
  return std::nullopt;
}

}  // namespace matlora::text::jinja
