#include "matlora/base/error.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "matlora/base/checked.h"
#include "tests/support/files.h"

namespace matlora {
namespace {

TEST(Error, FailMakesOneLine) {
  EXPECT_USER_ERROR(fail("file", "expected ", 3, ", got ", 2.5), "file: expected 3, got 2.5");
}

TEST(Error, AFieldIsNamedAsWhoShowsItLikes) {
  const auto flag = [](const std::string& field) { return "--" + field; };
  const Message hint = message_of(Field{"dtype"}, " float32");
  try {
    fail_field("rank", "'dtype' is no rank; try ", hint);
  } catch (const FieldError& error) {
    EXPECT_EQ(error.field(), "rank");
    EXPECT_EQ(error.problem().text, "'dtype' is no rank; try dtype float32");
    EXPECT_STREQ(error.what(), "rank: 'dtype' is no rank; try dtype float32");
    EXPECT_EQ(error.text(flag), "--rank: 'dtype' is no rank; try --dtype float32");
    const UserError copy = error;
    EXPECT_EQ(copy.text(flag), error.text(flag));
    const FieldError renamed("eval_" + error.field(), error.problem());
    EXPECT_EQ(renamed.text(flag), "--eval_rank: 'dtype' is no rank; try --dtype float32");
  }
  EXPECT_EQ(UserError("rank: no").text(flag), "rank: no");
}

TEST(Error, CheckThrowsBugError) {
  EXPECT_NO_THROW(check(true, "fine"));
  EXPECT_THROW(check(false, "a", 1), BugError);
}

TEST(Error, DidYouMeanOffersOnlyWhatIsNear) {
  const std::vector<std::string> known = {"learning_rate", "rank", "alpha"};
  EXPECT_EQ(did_you_mean("learning_rte", known), "; did you mean 'learning_rate'?");
  EXPECT_EQ(did_you_mean("rnak", known), "; did you mean 'rank'?");
  EXPECT_EQ(did_you_mean("temperature", known), "");
  EXPECT_EQ(did_you_mean("rank", {}), "");
  EXPECT_EQ(did_you_mean(std::string(5000, 'x'), known), "");
}

TEST(Error, PrintableEscapesAndCuts) {
  EXPECT_EQ(printable("a\n\x01\x7f\xff"), "a\\x0a\\x01\\x7f\\xff");
  EXPECT_EQ(printable("\xc3\xa9"), "\xc3\xa9");
  EXPECT_EQ(printable("abcdef", 3), "abc..");
  EXPECT_EQ(printable("abc", 3), "abc");
}

TEST(Checked, OverflowIsTheFilesError) {
  EXPECT_EQ(checked_mul(1u << 31, 1u << 31, "f", "size"), uint64_t{1} << 62);
  EXPECT_EQ(checked_add(UINT64_MAX, 0, "f", "size"), UINT64_MAX);
  EXPECT_USER_ERROR(checked_mul(UINT64_MAX, 2, "f", "size"), "f: size overflows: ");
  EXPECT_USER_ERROR(checked_add(UINT64_MAX, 1, "f", "end"), "f: end overflows: ");
}

TEST(Checked, ItemsOfAShape) {
  const auto items = [](std::vector<int64_t> shape) { return checked_items(shape, "f"); };
  EXPECT_EQ(items({}), 1u);
  EXPECT_EQ(items({2, 3}), 6u);
  EXPECT_EQ(items({0, INT64_MAX}), 0u);
  EXPECT_USER_ERROR(items({-1}), "negative dimension -1");
  EXPECT_USER_ERROR(items({INT64_MAX, 2}), "overflows");
  EXPECT_USER_ERROR(items({0, INT64_MAX, 2}), "overflows");
}

}  // namespace
}  // namespace matlora
