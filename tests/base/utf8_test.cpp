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

}  // namespace
}  // namespace matlora
