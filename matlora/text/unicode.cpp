#include "matlora/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::text {
namespace {

struct Range {
  char32_t first, last;
};

// Numbers of Unicode 16 and 17, which utf8proc 2.8 (Unicode 15) does not know.
constexpr Range kNewNumbers[] = {{0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9},
                                 {0x11DE0, 0x11DE9}, {0x16130, 0x16139}, {0x16D70, 0x16D79},
                                 {0x16FF4, 0x16FF6}, {0x1CCF0, 0x1CCF9}, {0x1E5F1, 0x1E5FA}};

template <size_t n>
bool contains(const Range (&ranges)[n], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](Range range) { return c >= range.first && c <= range.last; });
}

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

char32_t next_code_point(std::string_view text, size_t& offset) {
  const auto lead = static_cast<unsigned char>(text[offset++]);
  if (lead < 0x80) return lead;
  char32_t result = lead < 0xE0 ? lead & 0x1F : lead < 0xF0 ? lead & 0x0F : lead & 0x07;
  while (offset < text.size() && is_continuation(text[offset])) {
    result = result << 6 | (static_cast<unsigned char>(text[offset++]) & 0x3F);
  }
  return result;
}

std::string utf8(char32_t c) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(static_cast<int32_t>(c), bytes);
  return {reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)};
}

char32_t last_code_point(std::string_view text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && is_continuation(text[begin])) --begin;
  return next_code_point(text, begin);
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

size_t leading_white_space(std::string_view text) {
  size_t end = 0;
  for (size_t offset = 0; offset < text.size(); end = offset) {
    if (!is_white_space(next_code_point(text, offset))) break;
  }
  return end;
}

size_t trailing_white_space(std::string_view text) {
  size_t end = text.size();
  while (end > 0 && is_white_space(last_code_point(text.substr(0, end)))) {
    do {
      --end;
    } while (end > 0 && is_continuation(text[end]));
  }
  return text.size() - end;
}

bool is_mark(char32_t c) {
  if (c < 0x300) return false;
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

bool is_nonspacing_mark(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_MN;
}

bool is_control(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
         category == UTF8PROC_CATEGORY_CO;
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
  }
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool is_number(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    case UTF8PROC_CATEGORY_CN:
      return contains(kNewNumbers, c);
    default:
      return false;
  }
}

namespace {

int combining_class(int32_t c) { return utf8proc_get_property(c)->combining_class; }

/// The characters of `text` in their decompositions.
std::vector<int32_t> decompose(std::string_view text, utf8proc_option_t options) {
  std::vector<int32_t> result;
  result.reserve(text.size());
  constexpr size_t kLongest = 32;  // U+FDFA decomposes to 18 characters
  int boundary = UTF8PROC_BOUNDCLASS_START;
  for (size_t offset = 0; offset < text.size();) {
    int32_t parts[kLongest];
    const auto count = utf8proc_decompose_char(static_cast<int32_t>(next_code_point(text, offset)),
                                               parts, kLongest, options, &boundary);
    check(count >= 0 && count <= static_cast<utf8proc_ssize_t>(kLongest), "utf8proc: ", count);
    result.insert(result.end(), parts, parts + count);
  }
  return result;
}

/// Unicode's canonical ordering: marks that follow each other are sorted by combining class, those
/// of one class as they come. (utf8proc's own exchanges neighbours, which is quadratic.)
void order_marks(std::vector<int32_t>& characters) {
  const auto before = [](int32_t a, int32_t b) { return combining_class(a) < combining_class(b); };
  const auto is_mark = [](int32_t c) { return combining_class(c) != 0; };
  for (auto begin = characters.begin(); begin != characters.end();) {
    begin = std::find_if(begin, characters.end(), is_mark);
    const auto end = std::find_if_not(begin, characters.end(), is_mark);
    if (!std::is_sorted(begin, end, before)) std::stable_sort(begin, end, before);
    begin = end;
  }
}

}  // namespace

std::string normalize(std::string_view text, NormalForm form) {
  const bool ascii = std::all_of(text.begin(), text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii) return std::string(text);
  const bool composed = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  int flags = UTF8PROC_STABLE | (composed ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE);
  if (form == NormalForm::kNfkc || form == NormalForm::kNfkd) flags |= UTF8PROC_COMPAT;
  const auto options = static_cast<utf8proc_option_t>(flags);
  std::vector<int32_t> characters = decompose(text, options);
  order_marks(characters);
  const auto size = utf8proc_normalize_utf32(
      characters.data(), static_cast<utf8proc_ssize_t>(characters.size()), options);
  check(size >= 0, "utf8proc: ", utf8proc_errmsg(size));
  characters.resize(static_cast<size_t>(size));
  std::string result;
  result.reserve(text.size());
  for (const int32_t c : characters) result += utf8(static_cast<char32_t>(c));
  return result;
}

}  // namespace matlora::text
