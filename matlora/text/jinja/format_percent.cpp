// Source: Python's documentation, "printf-style String Formatting".
#include <cmath>

#include "matlora/text/jinja/format.h"
#include "matlora/text/jinja/format_number.h"
#include "matlora/text/jinja/python_text.h"
#include "matlora/text/jinja/show.h"
#include "matlora/text/unicode.h"

namespace matlora::text::jinja {
namespace {

struct Conversion {
  bool left = false, plus = false, space = false, alternate = false, zero = false;
  int64_t width = -1, precision = -1;
  char kind = 's';
};

class Percent {
 public:
  Percent(const Value& format, const Value& values)
      : format_(format.bytes()), markup_(format.is_markup()), values_(values) {}

  Value run() {
    std::string_view rest = format_;
    for (size_t at = rest.find('%'); at != rest.npos; at = rest.find('%')) {
      out_.add(rest.substr(0, at));
      rest.remove_prefix(at + 1);
      conversion(rest);
    }
    out_.add(rest);
    // What has items by keys or indices may stay unused, but a tuple.
    const bool may_stay = values_.is_undefined() || values_.is_dict() ||
                          (values_.is_list() && !values_.is(ListKind::kTuple));
    const bool all_used =
        values_.is(ListKind::kTuple) ? used_ == values_.as_list().items.size() : used_ > 0;
    if (!all_used && !may_stay) fault("not all arguments converted during string formatting");
    return make_string(out_.take(), markup_);
  }

 private:
  Value next() {
    if (!values_.is(ListKind::kTuple)) {
      if (used_++ > 0) fault("not enough arguments for format string");
      return values_;
    }
    const auto& items = values_.as_list().items;
    if (used_ == items.size()) fault("not enough arguments for format string");
    return items[used_++];
  }

  int64_t count(std::string_view& rest) {
    if (!rest.starts_with('*')) return read_count(rest);
    rest.remove_prefix(1);
    const Value value = next();
    if (!value.is_integral()) fault("* wants int");
    if (std::abs(static_cast<double>(value.as_int())) > 1e6)
      fault("a width of a format is too large");
    return value.as_int();
  }

  std::optional<Value> named(std::string_view& rest) {
    if (!rest.starts_with('(')) return std::nullopt;
    const size_t end = rest.find(')');
    if (end == rest.npos) fault("incomplete format key");
    if (!values_.is_dict()) fault("format requires a mapping");
    const Value* const found = values_.as_dict().find(rest.substr(1, end - 1));
    if (!found) fault(python_quoted(rest.substr(1, end - 1)));
    rest.remove_prefix(end + 1);
    return *found;
  }

  void conversion(std::string_view& rest) {
    std::optional<Value> value = named(rest);
    Conversion how;
    for (; !rest.empty() && std::string_view("-+ #0").find(rest[0]) != rest.npos;
         rest.remove_prefix(1)) {
      how.left |= rest[0] == '-';
      how.plus |= rest[0] == '+';
      how.space |= rest[0] == ' ';
      how.alternate |= rest[0] == '#';
      how.zero |= rest[0] == '0';
    }
    how.width = count(rest);
    if (how.width < -1) {
      how.left = true;
      how.width = -how.width;
    }
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      how.precision = std::max<int64_t>(count(rest), 0);
    }
    while (!rest.empty() && std::string_view("hlL").find(rest[0]) != rest.npos)
      rest.remove_prefix(1);
    if (rest.empty()) fault("incomplete format");
    how.kind = rest[0];
    rest.remove_prefix(1);
    if (how.kind == '%') return out_.add('%');
    if (!value) value = next();
    add(*value, how);
  }

  void add(const Value& value, const Conversion& how) {
    switch (how.kind) {
      case 's':
        return add_string(
            markup_ && !value.is_markup() ? escape_html(to_text(value)) : to_text(value), how);
      case 'r':
        return add_string(repr(value), how);
      case 'a':
        return add_string(repr(value), how);
      case 'c':
        return add_string(character(value), how);
      case 'd':
      case 'i':
      case 'u':
      case 'o':
      case 'x':
      case 'X':
        return add_integer(value, how);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return add_float(value, how);
      default:
        fault("unsupported format character '", how.kind, "'");
    }
  }

  static std::string character(const Value& value) {
    if (value.is_string() && value.as_string().characters == 1) return value.bytes();
    if (!value.is_integral()) fault("%c requires int or char");
    const int64_t c = value.as_int();
    if (c < 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
      fault("%c arg not in range(0x110000)");
    return utf8(static_cast<char32_t>(c));
  }

  void add_string(std::string text, const Conversion& how) {
    if (how.precision >= 0)
      text.resize(byte_of_character(text, static_cast<size_t>(how.precision)));
    out_.add(aligned(text, " ", how.left ? '<' : '>', how.width));
  }

  void add_number(std::string digits, std::string prefix, bool negative, const Conversion& how) {
    const std::string sign = negative ? "-" : how.plus ? "+" : how.space ? " " : "";
    prefix = sign + prefix;
    if (how.zero && !how.left) {
      digits = aligned(digits, "0", '>', how.width - static_cast<int64_t>(prefix.size()));
    }
    out_.add(aligned(prefix + digits, " ", how.left ? '<' : '>', how.width));
  }

  void add_integer(const Value& value, const Conversion& how) {
    const bool decimal = how.kind == 'd' || how.kind == 'i' || how.kind == 'u';
    if (value.is_undefined()) fault_undefined(value);
    if (!value.is_number() || (value.is_float() && !decimal)) {
      fault("%", how.kind, " format: ", decimal ? "a real number" : "an integer",
            " is required, not ", value.type_name());
    }
    int64_t number = 0;
    if (value.is_float()) {
      const double real = std::trunc(value.as_float());
      if (!(std::abs(real) < 0x1p63)) fault("%", how.kind, " format: a number is beyond 64 bits");
      number = static_cast<int64_t>(real);
    } else {
      number = value.as_int();
    }
    const int base = decimal ? 10 : how.kind == 'o' ? 8 : 16;
    std::string digits = integer_digits(number, base, how.kind == 'X');
    if (how.precision >= 0) digits = aligned(digits, "0", '>', how.precision);
    const std::string prefix = !how.alternate || decimal ? "" : cat("0", how.kind);
    add_number(std::move(digits), prefix, number < 0, how);
  }

  void add_float(const Value& value, const Conversion& how) {
    if (value.is_undefined()) fault_undefined(value);
    if (!value.is_number()) fault("must be real number, not ", value.type_name());
    const double real = value.as_float();
    add_number(float_digits(real, how.kind, how.precision, how.alternate), "",
               std::signbit(real) && !std::isnan(real), how);
  }

  const std::string& format_;
  const bool markup_;
  const Value& values_;
  size_t used_ = 0;
  Builder out_;
};

}  // namespace

Value format_percent(const Value& format, const Value& values) {
  return Percent(format, values).run();
}

}  // namespace matlora::text::jinja
