// Methods of strings, by Python's documentation of str.
#include <algorithm>

#include "matlora/text/jinja/attributes.h"
#include "matlora/text/jinja/iterate.h"
#include "matlora/text/jinja/python_text.h"
#include "matlora/text/jinja/split.h"
#include "matlora/text/letter_case.h"
#include "matlora/text/unicode.h"

namespace matlora::text::jinja {
namespace {

/// A text that is markup where `self` is.
Value like(const Value& self, std::string text) {
  return make_string(std::move(text), self.is_markup());
}

/// An argument as `self` takes it up: escaped in markup.
std::string taken(const Value& self, const Value& argument) {
  return self.is_markup() && !argument.is_markup() ? escape_html(argument.bytes())
                                                   : argument.bytes();
}

Value upper(Machine&, const Value& self, const Bound&) {
  return like(self, to_upper(self.bytes()));
}
Value lower(Machine&, const Value& self, const Bound&) {
  return like(self, to_lower(self.bytes()));
}
Value title(Machine&, const Value& self, const Bound&) {
  return like(self, title_words(self.bytes()));
}
Value capitalize(Machine&, const Value& self, const Bound&) {
  return like(self, capitalized(self.bytes()));
}
Value casefold(Machine&, const Value& self, const Bound&) {
  std::string folded;
  const std::string small = to_lower(self.bytes());
  for (size_t at = 0; at < small.size();) {
    const char32_t c = next_code_point(small, at);
    const std::string title = to_title(c);  // of several characters where the folded one is too
    folded += c == 0x3C2 ? utf8(0x3C3) : count_characters(title) > 1 ? to_lower(title) : utf8(c);
  }
  return like(self, std::move(folded));
}
Value swapcase(Machine&, const Value& self, const Bound&) {
  std::string swapped;
  for (size_t at = 0; at < self.bytes().size();) {
    const size_t begin = at;
    const char32_t c = next_code_point(self.bytes(), at);
    swapped += is_upper_case(c)   ? to_lower(std::string_view(self.bytes()).substr(0, at), begin)
               : is_lower_case(c) ? text::to_upper(c)
                                  : utf8(c);
    spend();
  }
  return like(self, std::move(swapped));
}

Value stripped(const Value& self, const Bound& arguments, bool left, bool right) {
  std::string_view text = self.bytes();
  spend(text.size() / 64);
  if (arguments.none(0)) {
    if (left) text = strip_left(text);
    if (right) text = strip_right(text);
  } else {
    text = strip_characters(text, arguments.string(0), left, right);
  }
  return like(self, std::string(text));
}
Value strip_both(Machine&, const Value& self, const Bound& a) {
  return stripped(self, a, true, true);
}
Value lstrip(Machine&, const Value& self, const Bound& a) { return stripped(self, a, true, false); }
Value rstrip(Machine&, const Value& self, const Bound& a) { return stripped(self, a, false, true); }

Value replace(Machine&, const Value& self, const Bound& arguments) {
  (void)arguments.string(0);
  (void)arguments.string(1);
  return like(self, replaced(self.bytes(), taken(self, *arguments[0]), taken(self, *arguments[1]),
                             arguments.integer_or(2, -1)));
}

Value parts(const Value& self, std::vector<std::string> texts, ListKind kind = ListKind::kList) {
  std::vector<Value> items;
  expect_memory(texts.size() * 100);
  for (std::string& text : texts) items.push_back(like(self, std::move(text)));
  return make_list(std::move(items), kind);
}

Value split_from(const Value& self, const Bound& arguments, bool right) {
  const int64_t most = arguments.integer_or(1, -1);
  if (arguments.none(0)) return parts(self, split_space(self.bytes(), most, right));
  return parts(self, split_text(self.bytes(), arguments.string(0), most, right));
}
Value split(Machine&, const Value& self, const Bound& a) { return split_from(self, a, false); }
Value rsplit(Machine&, const Value& self, const Bound& a) { return split_from(self, a, true); }
Value splitlines(Machine&, const Value& self, const Bound& arguments) {
  return parts(self, split_lines(self.bytes(), arguments.truth_or(0, false)));
}

Value partition_at(const Value& self, const Bound& arguments, bool right) {
  const std::string& separator = arguments.string(0);
  if (separator.empty()) fault("empty separator");
  const std::string& text = self.bytes();
  const size_t at = right ? text.rfind(separator) : text.find(separator);
  if (at == text.npos) {
    return parts(
        self,
        right ? std::vector<std::string>{"", "", text} : std::vector<std::string>{text, "", ""},
        ListKind::kTuple);
  }
  return parts(self, {text.substr(0, at), separator, text.substr(at + separator.size())},
               ListKind::kTuple);
}
Value partition(Machine&, const Value& self, const Bound& a) {
  return partition_at(self, a, false);
}
Value rpartition(Machine&, const Value& self, const Bound& a) {
  return partition_at(self, a, true);
}

/// The part of a string that "start" and "end" (arguments 1 and 2) mean; nothing where start is
/// behind it.
struct Window {
  Window(const Value& self, const Bound& arguments) : text(self.bytes()) {
    const auto size = static_cast<int64_t>(self.as_string().characters);
    const auto place = [&](size_t i, int64_t fallback) {
      const int64_t at = arguments.none(i) ? fallback : arguments.integer_or(i, fallback);
      return at < 0 ? std::max<int64_t>(at + size, 0) : at;
    };
    start = place(1, 0);
    const int64_t end = std::min(place(2, size), size);
    inside = start <= end;
    spend(text.size() / 64);
    if (!inside) return;
    const size_t begin = byte_of_character(text, static_cast<size_t>(start));
    const size_t stop = byte_of_character(text, static_cast<size_t>(end));
    text = text.substr(begin, stop - begin);
  }
  std::string_view text;
  int64_t start = 0;  // characters before it
  bool inside = true;
};

int64_t found_at(const Value& self, const Bound& arguments, bool right) {
  const Window window(self, arguments);
  const std::string& what = arguments.string(0);
  if (!window.inside) return -1;
  const size_t at = right ? window.text.rfind(what) : window.text.find(what);
  if (at == window.text.npos) return -1;
  return window.start + static_cast<int64_t>(count_characters(window.text.substr(0, at)));
}
Value find(Machine&, const Value& self, const Bound& a) { return Value(found_at(self, a, false)); }
Value rfind(Machine&, const Value& self, const Bound& a) { return Value(found_at(self, a, true)); }
Value index_from(const Value& self, const Bound& arguments, bool right) {
  const int64_t at = found_at(self, arguments, right);
  if (at < 0) fault("substring not found");
  return Value(at);
}
Value index(Machine&, const Value& self, const Bound& a) { return index_from(self, a, false); }
Value rindex(Machine&, const Value& self, const Bound& a) { return index_from(self, a, true); }

Value count(Machine&, const Value& self, const Bound& arguments) {
  const Window window(self, arguments);
  const std::string& what = arguments.string(0);
  if (!window.inside) return Value(int64_t{0});
  if (what.empty()) return Value(static_cast<int64_t>(count_characters(window.text)) + 1);
  int64_t times = 0;
  for (size_t at = window.text.find(what); at != window.text.npos;
       at = window.text.find(what, at + what.size())) {
    ++times;
  }
  return Value(times);
}

template <class Fits>
Value any_fits(const Value& self, const Bound& arguments, const Fits& fits) {
  const Window window(self, arguments);
  const Value& what = *arguments[0];
  if (!what.is(ListKind::kTuple)) {
    const std::string& text = arguments.string(0);
    return Value(window.inside && fits(window.text, text));
  }
  for (const Value& one : what.as_list().items) {
    if (!one.is_string()) fault("a tuple for startswith or endswith must hold strings");
    if (window.inside && fits(window.text, one.bytes())) return Value(true);
  }
  return Value(false);
}
Value startswith(Machine&, const Value& self, const Bound& arguments) {
  return any_fits(self, arguments, [](std::string_view text, std::string_view what) {
    return text.starts_with(what);
  });
}
Value endswith(Machine&, const Value& self, const Bound& arguments) {
  return any_fits(self, arguments, [](std::string_view text, std::string_view what) {
    return text.ends_with(what);
  });
}

Value removeprefix(Machine&, const Value& self, const Bound& arguments) {
  const std::string& what = arguments.string(0);
  return like(self,
              self.bytes().starts_with(what) ? self.bytes().substr(what.size()) : self.bytes());
}
Value removesuffix(Machine&, const Value& self, const Bound& arguments) {
  const std::string& what = arguments.string(0);
  const std::string& text = self.bytes();
  return like(self, text.ends_with(what) ? text.substr(0, text.size() - what.size()) : text);
}

Value join(Machine&, const Value& self, const Bound& arguments) {
  Builder out;
  bool first = true;
  if (!is_iterable(*arguments[0])) fault("can only join an iterable");
  const Next next = iterate(*arguments[0]);
  for (int64_t i = 0; const std::optional<Value> item = next(); ++i) {
    if (!item->is_string()) {
      fault("sequence item ", i, ": expected str instance, ",
            item->is_undefined() ? "Undefined" : item->type_name(), " found");
    }
    if (!first) out.add(self.bytes());
    first = false;
    out.add(taken(self, *item));
  }
  return like(self, out.take());
}

Value padded(const Value& self, const Bound& arguments, char align) {
  const std::string fill = arguments[1] ? arguments.string(1) : " ";
  if (count_characters(fill) != 1) fault("The fill character must be exactly one character long");
  return like(self, pad(self.bytes(), fill, align, arguments.integer_or(0, 0)));
}
Value center(Machine&, const Value& self, const Bound& a) { return padded(self, a, '^'); }
Value ljust(Machine&, const Value& self, const Bound& a) { return padded(self, a, '<'); }
Value rjust(Machine&, const Value& self, const Bound& a) { return padded(self, a, '>'); }
Value zfill(Machine&, const Value& self, const Bound& arguments) {
  const std::string& text = self.bytes();
  const bool sign = text.starts_with('-') || text.starts_with('+');
  const std::string digits =
      pad(std::string_view(text).substr(sign), "0", '>', arguments.integer_or(0, 0) - sign);
  return like(self, text.substr(0, sign) + digits);
}
Value expandtabs(Machine&, const Value& self, const Bound& arguments) {
  const int64_t size = arguments.integer_or(0, 8);
  Builder out;
  int64_t column = 0;
  for (const char c : self.bytes()) {
    if (c == '\t') {
      const int64_t spaces = size > 0 ? size - column % size : 0;
      out.add(pad("", " ", '<', spaces));
      column += spaces;
    } else {
      out.add(c);
      column =
          c == '\n' || c == '\r' ? 0 : column + ((static_cast<unsigned char>(c) & 0xC0) != 0x80);
    }
  }
  return like(self, out.take());
}

constexpr Method kMethods[] = {{{"strip", "/chars", 0}, strip_both},
                               {{"lstrip", "/chars", 0}, lstrip},
                               {{"rstrip", "/chars", 0}, rstrip},
                               {{"split", "sep maxsplit", 0}, split},
                               {{"rsplit", "sep maxsplit", 0}, rsplit},
                               {{"splitlines", "keepends", 0}, splitlines},
                               {{"startswith", "/prefix start end", 1}, startswith},
                               {{"endswith", "/suffix start end", 1}, endswith},
                               {{"replace", "/old new count", 2}, replace},
                               {{"upper", "", 0}, upper},
                               {{"lower", "", 0}, lower},
                               {{"title", "", 0}, title},
                               {{"capitalize", "", 0}, capitalize},
                               {{"casefold", "", 0}, casefold},
                               {{"swapcase", "", 0}, swapcase},
                               {{"join", "/iterable", 1}, join},
                               {{"find", "/sub start end", 1}, find},
                               {{"rfind", "/sub start end", 1}, rfind},
                               {{"index", "/sub start end", 1}, index},
                               {{"rindex", "/sub start end", 1}, rindex},
                               {{"count", "/sub start end", 1}, count},
                               {{"partition", "/sep", 1}, partition},
                               {{"rpartition", "/sep", 1}, rpartition},
                               {{"removeprefix", "/prefix", 1}, removeprefix},
                               {{"removesuffix", "/suffix", 1}, removesuffix},
                               {{"center", "/width fillchar", 1}, center},
                               {{"ljust", "/width fillchar", 1}, ljust},
                               {{"rjust", "/width fillchar", 1}, rjust},
                               {{"zfill", "/width", 1}, zfill},
                               {{"expandtabs", "tabsize", 0}, expandtabs}};

}  // namespace

const Method* find_string_method(std::string_view name) {
  for (const Method& method : kMethods) {
    if (method.signature.name == name) return &method;
  }
  return nullptr;
}

bool is_unsupported_string_method(std::string_view name) {
  return name == "encode" || name == "translate" || name == "maketrans";
}

}  // namespace matlora::text::jinja
