#include "matlora/base/input.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "tests/support/files.h"

namespace matlora {
namespace {

struct InputTextTest : ::testing::Test {
  test::TempDir dir;
};

TEST_F(InputTextTest, ReadsAFile) {
  EXPECT_EQ(InputText::open(dir.write("x", "a\nb")).text(), "a\nb");
  EXPECT_EQ(InputText::open(dir.write("x", "")).text(), "");
  EXPECT_FALSE(is_stream(dir.path() / "x"));
}

TEST_F(InputTextTest, ReadsAPipeToItsEnd) {
  const fs::path pipe = dir.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_TRUE(is_stream(pipe));
  const std::string text(300'000, 'x');  // more than a pipe holds
  std::thread writer([&] { std::ofstream(pipe) << text; });
  EXPECT_EQ(InputText::open(pipe).text(), text);
  writer.join();
}

TEST_F(InputTextTest, RefusesGitLfsPointersFromFilesAndPipes) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
  EXPECT_USER_ERROR(InputText::open(dir.write("x", pointer)), "a Git LFS pointer");
  const auto pipe = dir.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(pipe) << pointer; });
  EXPECT_USER_ERROR(InputText::open(pipe), "pipe: a Git LFS pointer");
  writer.join();
}

TEST_F(InputTextTest, RefusesWhatIsNeither) {
  EXPECT_TRUE(is_stream("-"));
  EXPECT_USER_ERROR(InputText::open(dir.path()), "not a regular file");
  EXPECT_USER_ERROR(InputText::open(dir.path() / "absent"), "cannot open the file");
  EXPECT_USER_ERROR(InputText::open("/dev/zero"), "not a regular file");
}

}  // namespace
}  // namespace matlora
