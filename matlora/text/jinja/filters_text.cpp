// Filters of text.
#include <algorithm>

#include "matlora/text/jinja/attributes.h"
#include "matlora/text/jinja/filters.h"
#include "matlora/text/jinja/format.h"
#include "matlora/text/jinja/iterate.h"
#include "matlora/text/jinja/operators.h"
#include "matlora/text/jinja/python_text.h"
#include "matlora/text/jinja/show.h"
#include "matlora/text/jinja/split.h"
#include "matlora/text/letter_case.h"
#include "matlora/text/unicode.h"

namespace matlora::text::jinja {
namespace {

/// A string as it is, markup or not; else its text.
Value soft_string(const Value& value) {
  return value.is_string() ? value : make_string(to_text(value));
}

Value string(Machine&, const Value& value, const Bound&) { return soft_string(value); }
Value upper(Machine&, const Value& value, const Bound&) {
  const Value text = soft_string(value);
  return make_string(to_upper(text.bytes()), text.is_markup());
}
Value lower(Machine&, const Value& value, const Bound&) {
  const Value text = soft_string(value);
  return make_string(to_lower(text.bytes()), text.is_markup());
}
Value capitalize(Machine&, const Value& value, const Bound&) {
  const Value text = soft_string(value);
  return make_string(capitalized(text.bytes()), text.is_markup());
}

/// A word begins behind white space and behind opening brackets and hyphens.
Value title(Machine&, const Value& value, const Bound&) {
  const std::string text = to_text(value);
  const auto separates = [](char32_t c) {
    return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const bool separator = separates(next_code_point(text, at));
    result += to_upper(std::string_view(text).substr(begin, at - begin));
    const size_t rest = at;
    for (size_t next = at; at < text.size(); at = next) {
      if (separates(next_code_point(text, next)) != separator) break;
    }
    result += to_lower(text.substr(rest, at - rest));
    spend();
  }
  return make_string(std::move(result));
}

Value trim(Machine&, const Value& value, const Bound& arguments) {
  const Value text = soft_string(value);
  spend(text.bytes().size() / 64);
  const std::string_view kept =
      arguments.none(0) ? strip(text.bytes())
                        : strip_characters(text.bytes(), arguments.string(0), true, true);
  return make_string(std::string(kept), text.is_markup());
}

Value replace(Machine&, const Value& value, const Bound& arguments) {
  const int64_t most = arguments.none(2) ? -1 : arguments.integer_or(2, -1);
  return make_string(
      replaced(to_text(value), to_text(*arguments[0]), to_text(*arguments[1]), most));
}

Value center(Machine&, const Value& value, const Bound& arguments) {
  return make_string(pad(to_text(value), " ", '^', arguments.integer_or(0, 80)), value.is_markup());
}

Value safe(Machine&, const Value& value, const Bound&) { return make_string(to_text(value), true); }
Value escape(Machine&, const Value& value, const Bound&) {
  return value.is_markup() ? value : make_string(escape_html(to_text(value)), true);
}
Value force_escape(Machine&, const Value& value, const Bound&) {
  return make_string(escape_html(to_text(value)), true);
}

Value format(Machine&, const Value& value, Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    fault("can't handle positional and keyword arguments at the same time");
  }
  if (arguments.named.empty()) {
    return format_percent(soft_string(value), make_list(arguments.positional, ListKind::kTuple));
  }
  std::vector<Member> members;
  for (const auto& [name, item] : arguments.named) members.emplace_back(make_string(name), item);
  return format_percent(soft_string(value), make_dict(std::move(members)));
}

Value indent(Machine&, const Value& value, const Bound& arguments) {
  expect_defined(value);
  if (!value.is_string()) fault("the filter 'indent' takes a string, not ", value.type_name());
  std::string indention;
  if (arguments[0] && arguments[0]->is_string()) {
    indention = value.is_markup() ? escape_html(arguments.string(0)) : arguments.string(0);
  } else {
    indention = pad("", " ", '<', arguments.integer_or(0, 4));
  }
  const bool blank = arguments.truth_or(2, false);
  Builder out;
  if (arguments.truth_or(1, false)) out.add(indention);
  bool first = true;
  for (const std::string& line : split_lines(value.bytes() + "\n", false)) {
    if (!first) {
      out.add('\n');
      if (blank || !line.empty()) out.add(indention);
    }
    first = false;
    out.add(line);
  }
  return make_string(out.take(), value.is_markup());
}

Value truncate(Machine&, const Value& value, const Bound& arguments) {
  const int64_t length = arguments.integer_or(0, 255);
  const std::string end = arguments[2] ? arguments.string(2) : "...";
  const int64_t leeway = arguments.none(3) ? 5 : arguments.integer_or(3, 5);
  const auto end_size = static_cast<int64_t>(count_characters(end));
  if (length < end_size) fault("expected length >= ", end_size, ", got ", length);
  if (leeway < 0) fault("expected leeway >= 0, got ", leeway);
  const std::optional<int64_t> size = length_of(value);
  if (!size) fault("object of type '", value.type_name(), "' has no len()");
  if (*size <= length + leeway) return value;
  if (!value.is_string()) fault("the filter 'truncate' takes a string, not ", value.type_name());
  std::string text = value.bytes().substr(
      0, byte_of_character(value.bytes(), static_cast<size_t>(length - end_size)));
  if (!arguments.truth_or(1, false)) {
    const size_t space = text.rfind(' ');
    if (space != text.npos) text.resize(space);
  }
  return make_string(text + (value.is_markup() ? escape_html(end) : end), value.is_markup());
}

Value word_count(Machine&, const Value& value, const Bound&) {
  int64_t words = 0;
  bool inside = false;
  for (const char32_t c : to_characters(to_text(value))) {
    const bool in_word = c == '_' || is_alpha(c) || is_numeric(c);
    if (in_word && !inside) ++words;
    inside = in_word;
  }
  return Value(words);
}

std::string url_quoted(const Value& value, bool query) {
  constexpr std::string_view kPlain = "_.-~";
  std::string out;
  for (const char c : to_text(value)) {
    char escaped[4] = "";
    if (std::isalnum(static_cast<unsigned char>(c)) || kPlain.find(c) != kPlain.npos ||
        (c == '/' && !query)) {
      out += c;
    } else if (c == ' ' && query) {
      out += '+';
    } else {
      std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned char>(c));
      out += escaped;
    }
  }
  return out;
}

Value url_encode(Machine&, const Value& value, const Bound&) {
  if (value.is_string() || !is_iterable(value)) return make_string(url_quoted(value, false));
  Builder out;
  const auto add = [&](const Value& key, const Value& item) {
    if (out.size() > 0) out.add('&');
    out.add(url_quoted(key, true) + "=" + url_quoted(item, true));
  };
  if (value.is_dict()) {
    for (const auto& [key, item] : value.as_dict().members) add(key, item);
  } else {
    for (const Value& pair : items_of(value)) {
      const std::vector<Value> parts = items_of(pair);
      if (parts.size() != 2) fault("the filter 'urlencode' takes pairs");
      add(parts[0], parts[1]);
    }
  }
  return make_string(out.take());
}

/// Source: json.dumps, as transformers calls it for templates.
Value to_json_text(Machine&, const Value& value, const Bound& arguments) {
  JsonStyle style;
  style.ascii = arguments.truth_or(0, false);
  style.sort_keys = arguments.truth_or(3, false);
  if (!arguments.none(1)) {
    style.comma = ",";
    style.indent = arguments[1]->is_string() ? arguments.string(1)
                                             : pad("", " ", '<', arguments.integer_or(1, 0));
  }
  if (!arguments.none(2)) {
    const std::vector<Value> two = items_of(*arguments[2]);
    if (two.size() != 2 || !two[0].is_string() || !two[1].is_string())
      fault("tojson: separators must be two strings");
    style.comma = two[0].bytes();
    style.colon = two[1].bytes();
  }
  return make_string(to_json(value, style));
}

constexpr Filter kFilters[] = {
    {{"string", "", 0}, string, nullptr},
    {{"upper", "", 0}, upper, nullptr},
    {{"lower", "", 0}, lower, nullptr},
    {{"capitalize", "", 0}, capitalize, nullptr},
    {{"title", "", 0}, title, nullptr},
    {{"trim", "chars", 0}, trim, nullptr},
    {{"replace", "old new count", 2}, replace, nullptr},
    {{"center", "width", 0}, center, nullptr},
    {{"safe", "", 0}, safe, nullptr},
    {{"escape", "", 0}, escape, nullptr},
    {{"e", "", 0}, escape, nullptr},
    {{"forceescape", "", 0}, force_escape, nullptr},
    {{"format", "", 0}, nullptr, format},
    {{"indent", "width first blank", 0}, indent, nullptr},
    {{"truncate", "length killwords end leeway", 0}, truncate, nullptr},
    {{"wordcount", "", 0}, word_count, nullptr},
    {{"urlencode", "", 0}, url_encode, nullptr},
    {{"tojson", "ensure_ascii indent separators sort_keys", 0}, to_json_text, nullptr}};

}  // namespace

std::span<const Filter> text_filters() { return kFilters; }

}  // namespace matlora::text::jinja
