// Filters of numbers.
#include <cmath>
#include <cstdlib>

#include "matlora/text/jinja/filters.h"
#include "matlora/text/jinja/format_number.h"
#include "matlora/text/jinja/operators.h"
#include "matlora/text/jinja/python_text.h"

namespace matlora::text::jinja {
namespace {

Value absolute(Machine&, const Value& value, const Bound&) {
  if (value.is_float()) return Value(std::abs(value.as_float()));
  if (!value.is_integral()) {
    expect_defined(value);
    fault("bad operand type for abs(): '", value.type_name(), "'");
  }
  return value.as_int() < 0 ? negative(value) : positive(value);
}

/// int() of a float: false for what is not a number.
bool truncated(double value, int64_t& result) {
  if (std::isnan(value)) return false;
  if (!(std::abs(value) < 0x1p63)) fault("a number is beyond 64 bits");
  result = static_cast<int64_t>(value);
  return true;
}

Value to_int(Machine&, const Value& value, const Bound& arguments) {
  expect_defined(value);
  const Value fallback = arguments.value_or(0, Value(int64_t{0}));
  int64_t result = 0;
  if (value.is_string()) {
    const int64_t base = arguments.integer_or(1, 10);
    if (base != 0 && (base < 2 || base > 36)) return fallback;
    if (read_int(value.bytes(), static_cast<int>(base), result)) return Value(result);
    double real = 0;
    if (!read_float(value.bytes(), real) || std::isinf(real)) return fallback;
    return truncated(real, result) ? Value(result) : fallback;
  }
  if (value.is_integral()) return Value(value.as_int());
  if (value.is_float() && truncated(value.as_float(), result)) return Value(result);
  return fallback;
}

Value to_float(Machine&, const Value& value, const Bound& arguments) {
  expect_defined(value);
  double real = 0;
  if (value.is_number()) return Value(value.as_float());
  if (value.is_string() && read_float(value.bytes(), real)) return Value(real);
  return arguments.value_or(0, Value(0.0));
}

/// To `digits` behind the point, halves to even; the decimal that is nearest to the binary value.
double rounded(double value, int64_t digits) {
  if (!std::isfinite(value) || digits > 330) return value;
  if (digits >= 0) {
    const std::string text = float_digits(value, 'f', digits, false);
    return std::copysign(std::strtod(text.c_str(), nullptr), value);
  }
  const double unit = std::pow(10.0, static_cast<double>(-digits));
  return std::isinf(unit) ? std::copysign(0.0, value) : std::nearbyint(value / unit) * unit;
}

int64_t rounded_integer(int64_t value, int64_t digits) {
  if (digits >= 0) return value;
  if (digits < -18) return 0;
  int64_t unit = 1;
  for (int64_t i = digits; i < 0; ++i) unit *= 10;
  int64_t rest = value % unit;
  if (rest < 0) rest += unit;
  const int64_t low = value - rest;
  const bool up = rest > unit - rest || (rest == unit - rest && (low / unit) % 2 != 0);
  return up ? low + unit : low;
}

Value round_number(Machine&, const Value& value, const Bound& arguments) {
  const int64_t digits = arguments.integer_or(0, 0);
  const std::string method = arguments[1] ? arguments.string(1) : "common";
  if (method != "common" && method != "ceil" && method != "floor") {
    fault("method must be common, ceil or floor");
  }
  expect_defined(value);
  if (!value.is_number()) fault("type ", value.type_name(), " doesn't define __round__ method");
  if (method == "common") {
    return value.is_float() ? Value(rounded(value.as_float(), digits))
                            : Value(rounded_integer(value.as_int(), digits));
  }
  const double unit = std::pow(10.0, static_cast<double>(digits));
  const double scaled = value.as_float() * unit;
  if (!std::isfinite(scaled)) fault("cannot convert float infinity or NaN to integer");
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit + 0.0);
}

constexpr Filter kFilters[] = {{{"abs", "", 0}, absolute, nullptr},
                               {{"int", "default base", 0}, to_int, nullptr},
                               {{"float", "default", 0}, to_float, nullptr},
                               {{"round", "precision method", 0}, round_number, nullptr}};

}  // namespace

std::span<const Filter> number_filters() { return kFilters; }

}  // namespace matlora::text::jinja
