// Character classes against those of `tokenizers`, by the file that tools/golden/unicode.py writes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/text/regex.h"
#include "matlora/text/unicode.h"

namespace matlora::text {
namespace {

using Ranges = std::vector<std::pair<int64_t, int64_t>>;

std::string text_of(const Ranges& spans) {
  std::string text;
  for (const auto& [first, last] : spans) {
    for (int64_t c = first; c <= last; ++c) text += utf8(static_cast<char32_t>(c));
  }
  return text;
}

/// The characters of `text` that the pattern matches, as UTF-8.
std::string matched(const Regex& regex, const std::string& text) {
  std::string result;
  size_t from = 0;
  while (const auto match = regex.find(text, from)) {
    result += text.substr(match->first, match->second - match->first);
    from = match->second;
  }
  return result;
}

/// The first code point that one of the texts lacks.
std::string first_difference(std::string_view got, std::string_view expected) {
  for (size_t a = 0, b = 0; a < got.size() || b < expected.size();) {
    const char32_t one = a < got.size() ? next_code_point(got, a) : 0x110000;
    const char32_t other = b < expected.size() ? next_code_point(expected, b) : 0x110000;
    if (one != other)
      return cat(std::hex, one < other ? "has " : "lacks ",
                 static_cast<uint32_t>(std::min(one, other)));
  }
  return "";
}

TEST(RegexParity, ClassesHoldWhatTheyHoldInTokenizers) {
  const char* directory = std::getenv("MATLORA_GOLDEN");
  const auto path =
      std::filesystem::path(directory ? directory : "/nonexistent") / "unicode_classes.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing";
  const Json golden = read_json(path);
  const std::string text = text_of(golden["spans"].get<Ranges>());
  ASSERT_GT(golden["classes"].size(), 450u);
  for (const auto& [expression, ranges] : golden["classes"].items()) {
    // Ranges go over what was not asked: only of the spans' characters.
    std::string expected;
    size_t range = 0;
    const auto held = ranges.get<Ranges>();
    for (size_t offset = 0; offset < text.size();) {
      const size_t begin = offset;
      const auto c = static_cast<int64_t>(next_code_point(text, offset));
      while (range < held.size() && held[range].second < c) ++range;
      if (range < held.size() && held[range].first <= c)
        expected += text.substr(begin, offset - begin);
    }
    const Regex regex(expression, "golden");
    EXPECT_EQ(first_difference(matched(regex, text), expected), "") << expression;
  }
}

}  // namespace
}  // namespace matlora::text
