#include "matlora/base/version.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace matlora {
namespace {

TEST(Version, HasItsForm) {
  const std::string text = version();
  EXPECT_EQ(std::count(text.begin(), text.end(), '.'), 2) << text;
  EXPECT_EQ(text.find_first_not_of("0123456789."), std::string::npos) << text;
}

TEST(Version, TheCommitIsTwelveDigits) {
  std::string text = commit();
  if (const size_t mark = text.find("-dirty"); mark != std::string::npos) {
    EXPECT_EQ(mark + 6, text.size()) << text;
    text.erase(mark);
  }
  EXPECT_TRUE(text.empty() || text.size() == 12) << text;
  EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos) << text;
}

}  // namespace
}  // namespace matlora
