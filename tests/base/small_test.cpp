// Small parts of base: words of a shell, hashes, cut lines.
#include <gtest/gtest.h>

#include <cstring>

#include "matlora/base/hash.h"
#include "matlora/base/progress.h"
#include "matlora/base/shell.h"

namespace matlora {
namespace {

TEST(Shell, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(shell_word("out/r4-x_1.gguf"), "out/r4-x_1.gguf");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("my out"), "'my out'");
  EXPECT_EQ(shell_word("it's $HOME"), "'it'\\''s $HOME'");
}

// xxhsum -H2, of the same bytes.
TEST(Hash, IsXxh3Of128Bits) {
  EXPECT_EQ(hash_text(hash_bytes({})), "99aa06d3014798d86001c324468d497f");
  const char* const text = "matlora";
  const auto hash = hash_bytes(std::as_bytes(std::span(text, std::strlen(text))));
  EXPECT_EQ(hash_text(hash), "7bea01575713c6f8d8b0d0f2b11bd1cf");
}

TEST(Progress, LinesFitTheirColumns) {
  EXPECT_EQ(fitted("step 1/10", 40), "step 1/10");
  EXPECT_EQ(fitted("0123456789", 10), "0123456789");
  EXPECT_EQ(fitted("0123456789", 9), "0123456..");
  EXPECT_EQ(fitted("\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc", 5), "\u00e4\u00f6\u00fc..");
  EXPECT_EQ(fitted("0123", 0), "0..");
}

}  // namespace
}  // namespace matlora
