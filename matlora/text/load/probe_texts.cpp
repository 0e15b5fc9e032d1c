#include "matlora/text/load/probe_texts.h"

namespace matlora::text {
namespace {

constexpr const char* kTexts[] = {
    "The quick brown fox jumps over the lazy dog.",
    "I'm sure they'll say we've done it; he'd've, CAN'T, It'S, YOU'RE, o'clock 'tis",
    "1 12 123 1234 12345 1,234.56 0x7f 3.14e-10 2024-01-02 1st 22nd a1b2c3 \u00bd\u00b2",
    "  two  spaces   three    four\ttab\t\ttabs   \n\n  lines \n \r\n end \n\n\n",
    " leading",
    "trailing ",
    "\n",
    "   ",
    "a",
    "A b",
    "",
    "camelCase PascalCase SCREAMING_SNAKE snake_case kebab-case HTTPServer iOS McDonald\u2019s",
    "def f(x):\n    return {'a': [1, 2], \"b\": x**2}  # done!?\n\tif (a != b && c) { i++; }\n",
    "!!! ... ??? --- === <<< >>> ((( ))) $5 5% @me #tag a/b\\c ~` ^^ | &amp; <|x|> ,.;:",
    "na\u00efve caf\u00e9 cafe\u0301 \u00c5ngstr\u00f6m \u1e9e \u0130stanbul \u01c5ungla",
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0\u3002 \u4f60\u597d\uff0c\u4e16\u754c\uff01 "
    "\ud55c\uad6d\uc5b4 \u0e44\u0e17\u0e22",
    "\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \u03b1\u03b2\u03b3 "
    "\u0639\u0631\u0628\u064a\u064e\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea "
    "\u0939\u093f\u0928\u094d\u0926\u0940",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \u2603 \u2211 "
    "\u221e \u2190 \u00a9 \u20ac5 \u2167 \u0661\u0662\u0663 \u096a",
    "\u00a0nbsp\u2003em\u3000wide\u200bzero\u2581low\ufeff",
};

}  // namespace

bool same_tokens(const Tokenizer& a, const Tokenizer& b) {
  for (const char* text : kTexts) {
    for (const bool special : {true, false}) {
      const std::vector<int32_t> ids = a.encode(text, special);
      if (ids != b.encode(text, special)) return false;
      if (a.decode(ids) != b.decode(ids)) return false;
    }
  }
  return true;
}

}  // namespace matlora::text
