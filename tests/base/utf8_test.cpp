#include "matlora/base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace matlora {
namespace {

TEST(Utf8, LengthOfWellFormedSequences) {
  EXPECT_EQ(utf8_sequence_length("a"), 1u);
  EXPECT_EQ(utf8_sequence_length(std::string_view("\0", 1)), 1u);
  EXPECT_EQ(utf8_sequence_length("\xc2\x80"), 2u);
  EXPECT_EQ(utf8_sequence_length("\xdf\xbf"), 2u);
  EXPECT_EQ(utf8_sequence_length("\xe0\xa0\x80"), 3u);
  EXPECT_EQ(utf8_sequence_length("\xed\x9f\xbf"), 3u);
  EXPECT_EQ(utf8_sequence_length("\xee\x80\x80"), 3u);
  EXPECT_EQ(utf8_sequence_length("\xf0\x90\x80\x80"), 4u);
  EXPECT_EQ(utf8_sequence_length("\xf4\x8f\xbf\xbf"), 4u);
}

TEST(Utf8, RefusesWhatRfc3629Forbids) {
  for (const char* bytes :
       {"", "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82",
        "\xf0\x9f\x98", "\xc3(", "\xe2\x82(", "\xf0\x9f\x98("}) {
    EXPECT_EQ(utf8_sequence_length(bytes), 0u) << testing::PrintToString(std::string(bytes));
  }
}

TEST(Utf8, FindsTheFirstInvalidByte) {
  EXPECT_EQ(find_invalid_utf8("plain \xc3\xa9 \xf0\x9f\x98\x80"), std::string_view::npos);
  EXPECT_EQ(find_invalid_utf8(""), std::string_view::npos);
  EXPECT_EQ(find_invalid_utf8("ab\xff"), 2u);
  EXPECT_EQ(find_invalid_utf8("\xc3\xa9\xe2\x82"), 2u);
}

TEST(Utf8Stream, HoldsBackWhatIsIncomplete) {
  Utf8Stream stream;
  EXPECT_EQ(stream.feed("a\xC3"), "a");
  EXPECT_EQ(stream.feed("\xA9z"), "\xC3\xA9z");
  EXPECT_EQ(stream.feed("\xF0\x9F\x98"), "");
  EXPECT_EQ(stream.feed("\x80!"), "\xF0\x9F\x98\x80!");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.feed("\xE2\x82"), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.finish(), "");
}

// The expected counts are those of Python's bytes.decode(errors="replace").
TEST(ValidUtf8, ReplacesEachMaximalPart) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(valid_utf8(""), "");
  EXPECT_EQ(valid_utf8("na\xC3\xAFve"), "na\xC3\xAFve");
  EXPECT_EQ(valid_utf8("a\x80z"), "a" + r + "z");
  EXPECT_EQ(valid_utf8("\xC0\xAF"), r + r);          // overlong
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), r + r + r);  // a surrogate
  EXPECT_EQ(valid_utf8("\xE2\x82z"), r + "z");       // cut short
  EXPECT_EQ(valid_utf8("\xF0\x9F\x98z"), r + "z");
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80"), r + r + r + r);  // above U+10FFFF
  EXPECT_EQ(valid_utf8("\xF0\x9F"), r);
}

}  // namespace
}  // namespace matlora
