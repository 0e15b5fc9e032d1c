#include "matlora/base/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>

#include "tests/support/files.h"

namespace matlora {
namespace {

struct FileTest : ::testing::Test {
  test::TempDir dir;
  fs::path at(const std::string& name) const { return dir.path() / name; }
};

TEST_F(FileTest, ReadsWholeFiles) {
  const std::string bytes("a\0b\n", 4);
  EXPECT_EQ(read_file(dir.write("x", bytes)), bytes);
  EXPECT_EQ(read_file(dir.write("empty", "")), "");
  EXPECT_EQ(MappedFile::open(at("x"))->bytes().size(), 4u);
}

TEST_F(FileTest, RefusesWhatIsNoReadableFile) {
  EXPECT_USER_ERROR(read_file(at("absent")), "absent: cannot open the file: No such file");
  EXPECT_USER_ERROR(read_file(dir.path()), "not a regular file");
  ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
  EXPECT_USER_ERROR(read_file(at("fifo")), "not a regular file");
}

TEST_F(FileTest, NamesWhatIsThereInItsPlace) {
  EXPECT_USER_ERROR(read_file(dir.path()), "not a regular file; it is a directory: give a file");
  dir.write("x", "text");
  for (const std::string path : {"x/y", "x/y/z", "x/"}) {
    EXPECT_USER_ERROR(read_file(at(path)), at("x").string() + " is a file; expected a directory");
  }
  EXPECT_EQ(file_in_the_way(at("x/y")), at("x"));
  EXPECT_EQ(file_in_the_way(at("absent/y")), "");
  EXPECT_EQ(file_in_the_way(""), "");
}

TEST_F(FileTest, RefusesGitLfsPointers) {
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\n"
      "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
  for (const char* name : {"model.safetensors", "x.gguf", "config.json", "tokenizer.json", "x"}) {
    EXPECT_USER_ERROR(read_file(dir.write(name, pointer)),
                      std::string(name) + ": a Git LFS pointer is here in place of the file; `git");
  }
  EXPECT_EQ(read_file(dir.write("x", "version https://git-lfs.github.com/")).size(), 35u);
  EXPECT_EQ(read_file(dir.write("x", " " + pointer)).size(), pointer.size() + 1);
}

TEST_F(FileTest, AtomicFileAppearsOnlyOnCommit) {
  AtomicFile file(at("x"));
  file.write("ab");
  EXPECT_FALSE(fs::exists(at("x")));
  file.write(std::as_bytes(std::span("cd", 2)));
  file.commit();
  EXPECT_EQ(read_file(at("x")), "abcd");
  EXPECT_EQ(dir.entries(), 1u);
  EXPECT_THROW(file.write("more"), BugError);
  EXPECT_THROW(file.commit(), BugError);
}

TEST_F(FileTest, AtomicFileWithoutCommitLeavesTheOldFile) {
  dir.write("x", "old");
  { AtomicFile(at("x")).write("new"); }
  EXPECT_EQ(read_file(at("x")), "old");
  EXPECT_EQ(dir.entries(), 1u);
  write_file(at("x"), "new");
  EXPECT_EQ(read_file(at("x")), "new");
}

TEST_F(FileTest, ForgottenBytesAreReadAgain) {
  std::string text(50000, 'x');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  dir.write("x", text);
  const auto file = MappedFile::open(at("x"));
  for (const auto& [first, count] :
       {std::pair<size_t, size_t>{0, 50000}, {10, 20}, {5000, 40000}}) {
    file->forget(file->bytes().subspan(first, count));
    EXPECT_EQ(std::memcmp(file->bytes().data(), text.data(), text.size()), 0);
  }
}

TEST_F(FileTest, TemporaryNamesAreTheirOwn) {
  const AtomicFile file(at("x"));
  int temporary = 0;
  for (const auto& entry : fs::directory_iterator(at(""))) temporary += is_temporary(entry.path());
  EXPECT_EQ(temporary, 1);
  for (const char* name : {"x", "x.tmp", "tmp1", "12", "x.tmp1.json", "x.tmp1a"}) {
    EXPECT_FALSE(is_temporary(name)) << name;
  }
}

TEST_F(FileTest, AtomicFileThatCannotBePutInPlaceLeavesNothing) {
  EXPECT_USER_ERROR(AtomicFile(at("no/x")), "no/x: cannot write the file: No such file");
  fs::create_directories(at("full/inside"));
  EXPECT_USER_ERROR(write_file(at("full"), "x"), "full: cannot write the file: ");
  EXPECT_EQ(dir.entries(), 1u);
}

TEST_F(FileTest, AtomicFileThatRunsOutOfSpaceLeavesNothing) {
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit low = before;
  low.rlim_cur = 1000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &low), 0);
  const std::string message =
      test::user_error([&] { write_file(at("x"), std::string(2000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(test::contains(message, "x: cannot write the file: File too large"));
  EXPECT_EQ(dir.entries(), 0u);
}

}  // namespace
}  // namespace matlora
