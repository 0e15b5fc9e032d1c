#include "matlora/base/output.h"

#include <gtest/gtest.h>

#include "matlora/base/file.h"
#include "matlora/base/lock.h"
#include "tests/support/files.h"

namespace matlora {
namespace {

struct OutputTest : ::testing::Test {
  test::TempDir dir;
  fs::path at(const std::string& name) const { return dir.path() / name; }

  static OutputUse use(bool force, bool in_place = false) {
    OutputUse use;
    use.command = "test";
    use.names = {"a", "b", "sub"};
    use.force = force;
    use.in_place = in_place;
    return use;
  }

  /// A result with the files `names`.
  void make(const std::string& name, const std::vector<std::string>& names, bool force = false) {
    OutputDirectory output(at(name), use(force));
    for (const std::string& file : names) write_file(output.path() / file, name + file);
    output.commit();
  }

  std::vector<std::string> files(const std::string& name) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(at(name))) {
      found.push_back(entry.path().filename().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
};

using Files = std::vector<std::string>;

TEST_F(OutputTest, AppearsOnlyOnCommit) {
  OutputDirectory output(at("deep/out/"), use(false));  // a trailing slash is the same name
  write_file(output.path() / "a", "1");
  EXPECT_FALSE(fs::exists(at("deep/out/a")));
  output.commit();
  EXPECT_EQ(read_file(at("deep/out/a")), "1");
  write_file(output.path() / "b", "2");
  output.commit();  // what is not in the new one goes
  EXPECT_EQ(files("deep/out"), (Files{".matlora", "b"}));
}

TEST_F(OutputTest, WithoutCommitNothingIsLeft) {
  for (const bool in_place : {false, true}) {
    {
      OutputDirectory output(at("deep/out"), use(false, in_place));
      EXPECT_EQ(output.staged(), !in_place);
      write_file(output.path() / "a", "1");
      fs::create_directory(output.path() / "sub");
    }
    EXPECT_EQ(dir.entries(), 0u);
  }
}

TEST_F(OutputTest, InPlaceStaysWhenKept) {
  {
    OutputDirectory output(at("out"), use(false, true));
    write_file(output.path() / "a", "1");
    output.keep();
  }
  EXPECT_EQ(files("out"), (Files{".matlora", "a"}));
  EXPECT_FALSE(fs::exists(at("out/.matlora/lock")));
}

TEST_F(OutputTest, ReplacesOnlyWithForceAndOnlyItsOwn) {
  fs::create_directory(at("out"));
  make("out", {"a"});  // an empty directory may be used
  dir.write("out/NOTES.md", "mine");
  EXPECT_USER_ERROR(OutputDirectory(at("out"), use(false)),
                    "out: the output exists; give another name, or force to replace it");
  {
    OutputDirectory uncommitted(at("out"), use(true));
    EXPECT_TRUE(uncommitted.replaces());
    write_file(uncommitted.path() / "b", "new");
  }
  EXPECT_EQ(files("out"), (Files{".matlora", "NOTES.md", "a"}));
  make("out", {"b"}, true);
  EXPECT_EQ(files("out"), (Files{".matlora", "NOTES.md", "b"}));
  EXPECT_EQ(read_file(at("out/NOTES.md")), "mine");
  EXPECT_EQ(dir.entries(), 1u);
}

TEST_F(OutputTest, NamesOfTheUsersAreNotTaken) {
  make("out", {"a"});
  dir.write("out/b", "mine");
  EXPECT_USER_ERROR(OutputDirectory(at("out"), use(true)), "b: is not matlora's");
  EXPECT_EQ(read_file(at("out/b")), "mine");
  EXPECT_EQ(read_file(at("out/a")), "outa");
  fs::create_directory(at("home"));
  dir.write("home/thesis", "mine");
  EXPECT_USER_ERROR(OutputDirectory(at("home"), use(true)),
                    "force replaces only results of matlora");
  EXPECT_EQ(files("home"), (Files{"thesis"}));
}

TEST_F(OutputTest, AFileThatComesMeanwhileIsMovedAside) {
  OutputDirectory output(at("out"), use(false));
  write_file(output.path() / "a", "new");
  dir.write("out/a", "mine");
  output.commit();
  EXPECT_EQ(read_file(at("out/a")), "new");
  EXPECT_EQ(read_file(at("out/a.yours")), "mine");
}

TEST_F(OutputTest, FoldersKeepWhatIsTheUsers) {
  make("out", {"a"});
  {
    OutputDirectory output(at("out"), use(true));
    OutputDirectory inner(output.path() / "sub", use(false));
    write_file(inner.path() / "a", "1");
    inner.commit();
    output.commit();
  }
  dir.write("out/sub/NOTES.md", "mine");
  make("out", {"b"}, true);
  EXPECT_EQ(files("out"), (Files{".matlora", "b", "sub"}));
  EXPECT_EQ(files("out/sub"), (Files{"NOTES.md"}));
}

TEST_F(OutputTest, AKilledCommitIsCompleted) {
  make("out", {"a", "sub"});
  dir.write("out/NOTES.md", "mine");
  // As it is when half of the moves are done.
  fs::create_directories(at("out/.matlora/commit"));
  dir.write("out/.matlora/commit/record.json", R"({"format_version": 1, "files": ["a", "b"]})");
  dir.write("out/.matlora/commit/b", "new b");
  dir.write("out/a", "new a");
  finish_commit(at("out"));
  EXPECT_EQ(files("out"), (Files{".matlora", "NOTES.md", "a", "b"}));
  EXPECT_EQ(read_file(at("out/a")), "new a");
  EXPECT_EQ(read_file(at("out/b")), "new b");
  EXPECT_EQ(files("out/.matlora"), (Files{"record.json"}));
  make("out", {"a"}, true);
  EXPECT_EQ(files("out"), (Files{".matlora", "NOTES.md", "a"}));
}

TEST_F(OutputTest, ACommitThatWasKilledWhenItsMovesWereDone) {
  make("out", {"a"});
  fs::create_directories(at("out/.matlora/commit"));
  finish_commit(at("out"));
  EXPECT_EQ(files("out/.matlora"), (Files{"record.json"}));
  make("out", {"b"}, true);
  EXPECT_EQ(files("out"), (Files{".matlora", "b"}));
}

TEST_F(OutputTest, ARecipeOfTheUsersIsNoResult) {
  fs::create_directory(at("out"));
  dir.write("out/run.toml", "rank = 4\n");
  EXPECT_USER_ERROR(OutputDirectory(at("out"), use(true)),
                    "force replaces only results of matlora");
  dir.write("out/matlora.json", "{}");  // of an early version, without a record
  make("out", {"a"}, true);
  EXPECT_EQ(files("out"), (Files{".matlora", "a", "run.toml"}));
}

TEST_F(OutputTest, ARecordCannotLeadOutOfItsDirectory) {
  dir.write("precious", "mine");
  make("out", {"a"});
  for (const char* name : {"../precious", "/etc/passwd", "..", ""}) {
    dir.write("out/.matlora/record.json",
              std::string(R"({"format_version": 1, "files": [")") + name + "\"]}");
    EXPECT_USER_ERROR(OutputDirectory(at("out"), use(true)), "is not the name of a file");
  }
  dir.write("out/.matlora/record.json", R"({"format_version": 2, "files": []})");
  EXPECT_USER_ERROR(OutputDirectory(at("out"), use(true)), "a newer matlora wrote it");
  EXPECT_EQ(read_file(at("precious")), "mine");
}

TEST_F(OutputTest, OneAtATime) {
  const OutputDirectory first(at("out"), use(false));
  for (const bool force : {false, true}) {
    EXPECT_USER_ERROR(OutputDirectory(at("out"), use(force)),
                      "another run writes to this output: process " + std::to_string(::getpid()));
  }
}

TEST_F(OutputTest, AnUnfinishedFileOfOursIsOurs) {
  make("out", {"a"});
  dir.write("out/a.tmp123", "half");
  dir.write("out/mine.tmp123", "mine");
  make("out", {"b"}, true);
  EXPECT_EQ(files("out"), (Files{".matlora", "b", "mine.tmp123"}));
}

TEST_F(OutputTest, OverAFileItIsRefused) {
  dir.write("out", "file");
  EXPECT_USER_ERROR(OutputDirectory(at("out"), use(false)), "the output exists");
  EXPECT_USER_ERROR(OutputDirectory(at("out"), use(true)),
                    "force replaces only results of matlora");
  for (const bool force : {false, true}) {
    EXPECT_USER_ERROR(OutputDirectory(at("out"), use(force)), "it is a file, expected a directory");
    EXPECT_USER_ERROR(OutputDirectory(at("out/deep/er"), use(force)),
                      "Not a directory: " + at("out").string() + " is a file");
  }
  EXPECT_EQ(read_file(at("out")), "file");
  EXPECT_EQ(dir.entries(), 1u);
}

TEST_F(OutputTest, NeedsAName) {
  for (const char* name : {"", ".", "..", "/"}) {
    EXPECT_USER_ERROR(OutputDirectory(name, use(true)), "expected the name of a directory");
  }
}

TEST_F(OutputTest, UnderAFileItSaysWhy) {
  dir.write("file", "");
  EXPECT_USER_ERROR(OutputDirectory(at("file/out"), use(false)), "Not a directory");
}

TEST_F(OutputTest, ALockIsFreeWhenItsHolderIsGone) {
  dir.write("lock", "process 1 on elsewhere");
  EXPECT_FALSE(FileLock::is_held(at("lock")));
  {
    const FileLock lock(at("lock"), "test", "out");
    EXPECT_TRUE(FileLock::is_held(at("lock")));
    EXPECT_USER_ERROR(FileLock(at("lock"), "test", "out"), "(test, since 20");
  }
  EXPECT_FALSE(fs::exists(at("lock")));
}

}  // namespace
}  // namespace matlora
