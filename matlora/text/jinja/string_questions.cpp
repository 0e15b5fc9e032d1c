// The methods of strings that ask: isdigit, isupper, ..
#include <algorithm>

#include "matlora/text/jinja/attributes.h"
#include "matlora/text/jinja/python_text.h"
#include "matlora/text/jinja/split.h"
#include "matlora/text/unicode.h"

namespace matlora::text::jinja {
namespace {

template <bool (*fits)(char32_t)>
Value all(Machine&, const Value& self, const Bound&) {
  const std::vector<char32_t> text = to_characters(self.bytes());
  return Value(!text.empty() && std::all_of(text.begin(), text.end(), fits));
}

bool is_alnum(char32_t c) { return is_alpha(c) || is_numeric(c); }

Value isupper(Machine&, const Value& self, const Bound&) {
  return Value(is_upper_text(self.bytes()));
}
Value islower(Machine&, const Value& self, const Bound&) {
  return Value(is_lower_text(self.bytes()));
}

Value istitle(Machine&, const Value& self, const Bound&) {
  bool inside = false, found = false;
  for (const char32_t c : to_characters(self.bytes())) {
    const bool begins = is_upper_case(c) || is_title_case(c), goes_on = is_lower_case(c);
    if ((begins && inside) || (goes_on && !inside)) return Value(false);
    inside = begins || goes_on;
    found |= inside;
  }
  return Value(found);
}

Value isascii(Machine&, const Value& self, const Bound&) {
  return Value(self.as_string().characters == self.bytes().size());
}

Value isprintable(Machine&, const Value& self, const Bound&) {
  const std::vector<char32_t> text = to_characters(self.bytes());
  return Value(std::all_of(text.begin(), text.end(), is_printable));
}

Value isidentifier(Machine&, const Value& self, const Bound&) {
  const std::vector<char32_t> text = to_characters(self.bytes());
  return Value(!text.empty() && (is_alpha(text[0]) || text[0] == '_') &&
               std::all_of(text.begin(), text.end(), [](char32_t c) {
                 return is_alpha(c) || is_decimal(c) || is_mark(c) || c == '_';
               }));
}

constexpr Method kQuestions[] = {
    {{"isdigit", "", 0}, all<is_digit>},     {{"isdecimal", "", 0}, all<is_decimal>},
    {{"isnumeric", "", 0}, all<is_numeric>}, {{"isalpha", "", 0}, all<is_alpha>},
    {{"isalnum", "", 0}, all<is_alnum>},     {{"isspace", "", 0}, all<is_space>},
    {{"isupper", "", 0}, isupper},           {{"islower", "", 0}, islower},
    {{"istitle", "", 0}, istitle},           {{"isascii", "", 0}, isascii},
    {{"isprintable", "", 0}, isprintable},   {{"isidentifier", "", 0}, isidentifier}};

/// Whether all cased characters are of the one case, and there is one.
bool has_only(std::string_view text, bool (*wanted)(char32_t), bool (*other)(char32_t)) {
  bool found = false;
  for (const char32_t c : to_characters(text)) {
    if (other(c) || is_title_case(c)) return false;
    found |= wanted(c);
  }
  return found;
}

}  // namespace

bool is_upper_text(std::string_view text) { return has_only(text, is_upper_case, is_lower_case); }
bool is_lower_text(std::string_view text) { return has_only(text, is_lower_case, is_upper_case); }

const Method* find_string_question(std::string_view name) {
  for (const Method& method : kQuestions) {
    if (method.signature.name == name) return &method;
  }
  return nullptr;
}

}  // namespace matlora::text::jinja
