#include "matlora/text/letter_case.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "matlora/text/unicode.h"

namespace matlora::text {
namespace {

constexpr char32_t kDottedCapitalI = 0x130, kCapitalSigma = 0x3A3, kSigma = 0x3C3,
                   kFinalSigma = 0x3C2, kDotAbove = 0x307;

struct LongTitle {
  char32_t character;
  char32_t title[3];  // 0: none
};

/// Characters whose title case is more than one. Source: Unicode's SpecialCasing.txt.
constexpr LongTitle kLongTitles[] = {{0xDF, {0x53, 0x73}},
                                     {0x149, {0x2BC, 0x4E}},
                                     {0x1F0, {0x4A, 0x30C}},
                                     {0x390, {0x399, 0x308, 0x301}},
                                     {0x3B0, {0x3A5, 0x308, 0x301}},
                                     {0x587, {0x535, 0x582}},
                                     {0x1E96, {0x48, 0x331}},
                                     {0x1E97, {0x54, 0x308}},
                                     {0x1E98, {0x57, 0x30A}},
                                     {0x1E99, {0x59, 0x30A}},
                                     {0x1E9A, {0x41, 0x2BE}},
                                     {0x1F50, {0x3A5, 0x313}},
                                     {0x1F52, {0x3A5, 0x313, 0x300}},
                                     {0x1F54, {0x3A5, 0x313, 0x301}},
                                     {0x1F56, {0x3A5, 0x313, 0x342}},
                                     {0x1FB2, {0x1FBA, 0x345}},
                                     {0x1FB4, {0x386, 0x345}},
                                     {0x1FB6, {0x391, 0x342}},
                                     {0x1FB7, {0x391, 0x342, 0x345}},
                                     {0x1FC2, {0x1FCA, 0x345}},
                                     {0x1FC4, {0x389, 0x345}},
                                     {0x1FC6, {0x397, 0x342}},
                                     {0x1FC7, {0x397, 0x342, 0x345}},
                                     {0x1FD2, {0x399, 0x308, 0x300}},
                                     {0x1FD3, {0x399, 0x308, 0x301}},
                                     {0x1FD6, {0x399, 0x342}},
                                     {0x1FD7, {0x399, 0x308, 0x342}},
                                     {0x1FE2, {0x3A5, 0x308, 0x300}},
                                     {0x1FE3, {0x3A5, 0x308, 0x301}},
                                     {0x1FE4, {0x3A1, 0x313}},
                                     {0x1FE6, {0x3A5, 0x342}},
                                     {0x1FE7, {0x3A5, 0x308, 0x342}},
                                     {0x1FF2, {0x1FFA, 0x345}},
                                     {0x1FF4, {0x38F, 0x345}},
                                     {0x1FF6, {0x3A9, 0x342}},
                                     {0x1FF7, {0x3A9, 0x342, 0x345}},
                                     {0xFB00, {0x46, 0x66}},
                                     {0xFB01, {0x46, 0x69}},
                                     {0xFB02, {0x46, 0x6C}},
                                     {0xFB03, {0x46, 0x66, 0x69}},
                                     {0xFB04, {0x46, 0x66, 0x6C}},
                                     {0xFB05, {0x53, 0x74}},
                                     {0xFB06, {0x53, 0x74}},
                                     {0xFB13, {0x544, 0x576}},
                                     {0xFB14, {0x544, 0x565}},
                                     {0xFB15, {0x544, 0x56B}},
                                     {0xFB16, {0x54E, 0x576}},
                                     {0xFB17, {0x544, 0x56D}}};

/// Characters that are cased besides the letters of categories Lu, Ll and Lt (Other_Uppercase,
/// Other_Lowercase; those of category Lm are ignored before this is asked).
bool is_other_cased(char32_t c) {
  return c == 0xAA || c == 0xBA || (c >= 0x2160 && c <= 0x217F) || (c >= 0x24B6 && c <= 0x24E9) ||
         (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
         (c >= 0x1F170 && c <= 0x1F189);
}

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<int32_t>(c)); }

bool is_cased(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
      return true;
    default:
      return is_other_cased(c);
  }
}

/// Unicode's Case_Ignorable: marks, modifiers, and punctuation that words have inside.
bool is_ignorable(char32_t c) {
  constexpr char32_t kPunctuation[] = {'\'',   '.',    ':',    0xB7,   0x387,  0x55F,
                                       0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                       0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return std::binary_search(std::begin(kPunctuation), std::end(kPunctuation), c);
  }
}

/// Whether the last character of `text` that counts is cased.
bool ends_cased(std::string_view text) {
  while (!text.empty()) {
    const char32_t c = last_code_point(text);
    if (!is_ignorable(c)) return is_cased(c);
    text.remove_suffix(utf8(c).size());
  }
  return false;
}

bool begins_cased(std::string_view text) {
  for (size_t offset = 0; offset < text.size();) {
    const char32_t c = next_code_point(text, offset);
    if (!is_ignorable(c)) return is_cased(c);
  }
  return false;
}

}  // namespace

std::string to_lower(std::string_view text, size_t begin) {
  std::string result;
  for (size_t offset = begin; offset < text.size();) {
    const size_t start = offset;
    const char32_t c = next_code_point(text, offset);
    if (c == kDottedCapitalI) {
      result += 'i' + utf8(kDotAbove);
    } else if (c == kCapitalSigma) {
      const bool final = ends_cased(text.substr(0, start)) && !begins_cased(text.substr(offset));
      result += utf8(final ? kFinalSigma : kSigma);
    } else {
      result += utf8(static_cast<char32_t>(utf8proc_tolower(static_cast<int32_t>(c))));
    }
  }
  return result;
}

std::string to_title(char32_t c) {
  for (const LongTitle& entry : kLongTitles) {
    if (entry.character != c) continue;
    std::string result;
    for (const char32_t part : entry.title) {
      if (part != 0) result += utf8(part);
    }
    return result;
  }
  return utf8(static_cast<char32_t>(utf8proc_totitle(static_cast<int32_t>(c))));
}

std::string to_upper(char32_t c) {
  // Greek letters with an iota below: Unicode's SpecialCasing.txt gives the letter and an iota.
  constexpr char32_t kIota = 0x399;
  if (c >= 0x1F80 && c <= 0x1FAF) {
    const char32_t rows[] = {0x1F08, 0x1F28, 0x1F68};
    return utf8(rows[(c - 0x1F80) >> 4] + (c & 7)) + utf8(kIota);
  }
  if (c == 0x1FB3 || c == 0x1FBC) return utf8(0x391) + utf8(kIota);
  if (c == 0x1FC3 || c == 0x1FCC) return utf8(0x397) + utf8(kIota);
  if (c == 0x1FF3 || c == 0x1FFC) return utf8(0x3A9) + utf8(kIota);
  const auto simple = [](char32_t part) {
    return utf8(static_cast<char32_t>(utf8proc_toupper(static_cast<int32_t>(part))));
  };
  for (const LongTitle& entry : kLongTitles) {
    if (entry.character != c) continue;
    std::string result;
    for (const char32_t part : entry.title) {
      if (part != 0) result += simple(part);
    }
    return result;
  }
  return simple(c);
}

}  // namespace matlora::text
