// Source: Python's documentation, "Format String Syntax" and "Format Specification Mini-Language".
#include <cmath>

#include "matlora/text/jinja/attributes.h"
#include "matlora/text/jinja/format.h"
#include "matlora/text/jinja/format_number.h"
#include "matlora/text/jinja/python_text.h"
#include "matlora/text/jinja/show.h"
#include "matlora/text/unicode.h"

namespace matlora::text::jinja {
namespace {

struct Spec {
  std::string fill = " ";
  char align = '\0';
  char sign = '-';
  bool alternate = false;
  int64_t width = -1, precision = -1;
  char grouping = '\0';
  char kind = '\0';
};

bool is_align(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }

Spec parse_spec(std::string_view text) {
  Spec spec;
  const std::string_view whole = text;
  const size_t first = text.empty() ? 0 : byte_of_character(text, 1);
  const bool filled = first < text.size() && is_align(text[first]);
  if (filled) {
    spec.fill = text.substr(0, first);
    spec.align = text[first];
    text.remove_prefix(first + 1);
  } else if (!text.empty() && is_align(text[0])) {
    spec.align = text[0];
    text.remove_prefix(1);
  }
  const auto skip = [&](std::string_view any) {
    if (text.empty() || any.find(text[0]) == any.npos) return '\0';
    const char c = text[0];
    text.remove_prefix(1);
    return c;
  };
  if (const char sign = skip("+- ")) spec.sign = sign;
  spec.alternate = skip("#") != 0;
  if (text.starts_with('0') && !filled) {
    spec.fill = "0";
    if (!spec.align) spec.align = '=';
  }
  spec.width = read_count(text);
  spec.grouping = skip(",_");
  if (skip(".")) {
    spec.precision = read_count(text);
    if (spec.precision < 0) fault("Format specifier missing precision");
  }
  spec.kind = skip("bcdeEfFgGnosxX%");
  if (!text.empty()) fault("Invalid format specifier '", printable(whole), "'");
  return spec;
}

std::string grouped(std::string digits, char separator, size_t every) {
  size_t end = digits.find_first_of(".e");
  if (end == digits.npos) end = digits.size();
  while (end > every) {
    end -= every;
    digits.insert(end, 1, separator);
  }
  return digits;
}

std::string number_text(std::string digits, const std::string& prefix, bool negative,
                        const Spec& spec) {
  const std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  const std::string front = sign + prefix;
  const size_t every =
      spec.kind == 'b' || spec.kind == 'o' || spec.kind == 'x' || spec.kind == 'X' ? 4 : 3;
  if (spec.grouping) digits = grouped(std::move(digits), spec.grouping, every);
  if (spec.align == '=') {
    return front + aligned(digits, spec.fill, '>', spec.width - static_cast<int64_t>(front.size()));
  }
  return aligned(front + digits, spec.fill, spec.align ? spec.align : '>', spec.width);
}

std::string format_float(double value, const Spec& spec) {
  std::string digits;
  const double size = std::abs(value);
  if (spec.kind == '\0') {  // like g, with a digit behind the point; all digits without a precision
    digits =
        spec.precision < 0 ? shown_float(size) : float_digits(size, 'g', spec.precision, false);
    if (spec.precision >= 0 && digits.find_first_of(".en") == digits.npos) digits += ".0";
  } else if (spec.kind == '%') {
    digits = float_digits(size * 100, 'f', spec.precision, spec.alternate) + "%";
  } else {
    digits = float_digits(size, spec.kind == 'n' ? 'g' : spec.kind, spec.precision, spec.alternate);
  }
  return number_text(std::move(digits), "", std::signbit(value) && !std::isnan(value), spec);
}

std::string format_integer(int64_t value, const Spec& spec) {
  if (spec.precision >= 0) fault("Precision not allowed in integer format specifier");
  if (spec.kind == 'c') {
    if (value < 0 || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
      fault("%c arg not in range(0x110000)");
    return aligned(utf8(static_cast<char32_t>(value)), spec.fill, spec.align ? spec.align : '<',
                   spec.width);
  }
  const int base = spec.kind == 'b'                       ? 2
                   : spec.kind == 'o'                     ? 8
                   : spec.kind == 'x' || spec.kind == 'X' ? 16
                                                          : 10;
  const std::string prefix = spec.alternate && base != 10 ? cat("0", spec.kind) : "";
  return number_text(integer_digits(value, base, spec.kind == 'X'), prefix, value < 0, spec);
}

std::string format_string(std::string text, const Spec& spec) {
  if (spec.kind != '\0' && spec.kind != 's')
    fault("Unknown format code '", spec.kind, "' for object of type 'str'");
  if (spec.align == '=' && spec.fill != "0")
    fault("'=' alignment not allowed in string format specifier");
  if (spec.sign != '-' || spec.grouping)
    fault("Sign or ',' not allowed in string format specifier");
  if (spec.precision >= 0)
    text.resize(byte_of_character(text, static_cast<size_t>(spec.precision)));
  return aligned(text, spec.fill, spec.align && spec.align != '=' ? spec.align : '<', spec.width);
}

class Braces {
 public:
  Braces(const Value& format, const Arguments& arguments)
      : format_(format), arguments_(arguments) {}

  Value run() { return make_string(text(format_.bytes(), 2), format_.is_markup()); }

 private:
  std::string text(std::string_view format, int levels) {
    if (levels < 0) fault("Max string recursion exceeded");
    Builder out;
    for (size_t at = 0; at < format.size(); ++at) {
      const char c = format[at];
      if (c != '{' && c != '}') {
        out.add(c);
      } else if (at + 1 < format.size() && format[at + 1] == c) {
        out.add(c);
        ++at;
      } else if (c == '}') {
        fault("Single '}' encountered in format string");
      } else {
        const size_t end = end_of_field(format, at + 1);
        out.add(field(format.substr(at + 1, end - at - 1), levels));
        at = end;
      }
    }
    return out.take();
  }

  static size_t end_of_field(std::string_view format, size_t at) {
    if (at == format.size()) fault("Single '{' encountered in format string");
    for (int open = 1; at < format.size(); ++at) {
      if (format[at] == '{') ++open;
      if (format[at] == '}' && --open == 0) return at;
    }
    fault("expected '}' before end of string");
  }

  std::string field(std::string_view field, int levels) {
    const size_t bracket = field.find('[');
    size_t end = field.find_first_of("!:");
    if (bracket != field.npos && bracket < end)
      end = field.find_first_of("!:", field.find(']', bracket));
    const std::string_view name = field.substr(0, end);
    std::string_view rest = end == field.npos ? std::string_view() : field.substr(end);
    Value value = look_up(name);
    if (rest.starts_with('!')) {
      const char kind = rest.size() > 1 ? rest[1] : ' ';
      if (rest.size() > 2 && rest[2] != ':') fault("expected ':' after conversion specifier");
      if (kind != 's' && kind != 'r' && kind != 'a') fault("Unknown conversion specifier ", kind);
      value = make_string(kind == 's' ? to_text(value) : repr(value));
      rest.remove_prefix(2);
    }
    if (rest.starts_with(':')) rest.remove_prefix(1);
    const std::string spec = text(rest, levels - 1);
    const std::string shown = format_value(value, spec);
    return format_.is_markup() && !value.is_markup() ? escape_html(shown) : shown;
  }

  Value look_up(std::string_view name) {
    const size_t end = std::min(name.find_first_of(".["), name.size());
    Value value = first(name.substr(0, end));
    name.remove_prefix(end);
    while (!name.empty()) {
      if (name[0] == '.') {
        const size_t size = std::min(name.find_first_of(".[", 1), name.size());
        if (size == 1) fault("Empty attribute in format string");
        value = get_attribute(value, std::string(name.substr(1, size - 1)));
        name.remove_prefix(size);
      } else {
        const size_t size = name.find(']');
        if (name[0] != '[' || size == name.npos) fault("Missing ']' in format string");
        if (size == 1) fault("Empty attribute in format string");
        value = get_item(value, key_of(name.substr(1, size - 1)));
        name.remove_prefix(size + 1);
      }
    }
    return value;
  }

  static Value key_of(std::string_view key) {
    int64_t index = 0;
    const bool digits = key.find_first_not_of("0123456789") == key.npos;
    if (digits && !key.empty() && read_int(key, 10, index)) return Value(index);
    return make_string(std::string(key));
  }

  Value first(std::string_view name) {
    const Value key = key_of(name);
    if (name.empty() || key.is_int()) {
      (name.empty() ? counted_ : numbered_) = true;
      if (counted_ && numbered_) {
        fault("cannot mix automatic field numbering and manual field specification");
      }
      const auto index = name.empty() ? static_cast<int64_t>(automatic_++) : key.as_int();
      if (index >= static_cast<int64_t>(arguments_.positional.size())) {
        fault("Replacement index ", index, " out of range for positional args tuple");
      }
      return arguments_.positional[static_cast<size_t>(index)];
    }
    for (const auto& [known, value] : arguments_.named) {
      if (known == name) return value;
    }
    fault(python_quoted(name));
  }

  const Value& format_;
  const Arguments& arguments_;
  size_t automatic_ = 0;
  bool counted_ = false, numbered_ = false;  // {} and {0} have been used
};

}  // namespace

std::string format_value(const Value& value, std::string_view text) {
  if (text.empty()) return to_text(value);
  const Spec spec = parse_spec(text);
  if (value.is_string()) return format_string(value.bytes(), spec);
  constexpr std::string_view kFloats = "eEfFgG%";
  const bool as_float = spec.kind != '\0' && kFloats.find(spec.kind) != kFloats.npos;
  if (value.is_float() && (spec.kind == '\0' || spec.kind == 'n' || as_float)) {
    return format_float(value.as_float(), spec);
  }
  if (value.is_integral() && as_float) return format_float(value.as_float(), spec);
  if (value.is_integral() && spec.kind != 's') return format_integer(value.as_int(), spec);
  if (value.is_number()) {
    fault("Unknown format code '", spec.kind, "' for object of type '", value.type_name(), "'");
  }
  fault("unsupported format string passed to ", value.type_name(), ".__format__");
}

Value format_braces(const Value& format, const Arguments& arguments) {
  return Braces(format, arguments).run();
}

}  // namespace matlora::text::jinja
