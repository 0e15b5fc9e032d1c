#include "matlora/base/version.h"

#include <gtest/gtest.h>

#include <regex>

namespace matlora {
namespace {

TEST(Version, HasItsForm) {
  EXPECT_TRUE(std::regex_match(version(), std::regex(R"(\d+\.\d+\.\d+)")));
  EXPECT_TRUE(std::regex_match(commit(), std::regex("([0-9a-f]{12}(-dirty)?)?"))) << commit();
}

}  // namespace
}  // namespace matlora
