// Files for tests: a fresh directory per test, raw bytes, and the message of a UserError.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "matlora/base/error.h"

namespace matlora::test {

/// A directory of the running test's own, removed with the object.
class TempDir {
 public:
  TempDir() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name = cat("matlora.", ::getpid(), ".", info->test_suite_name(), ".", info->name());
    for (char& c : name) c = c == '/' ? '_' : c;
    path_ = std::filesystem::path(::testing::TempDir()) / name;
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Writes `bytes` under `name` and gives the file's path.
  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary | std::ios::trunc) << bytes;
    return path_ / name;
  }

  size_t entries() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

/// The bytes of `value`, as they lie in memory.
template <class T>
std::string raw(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// The message of the UserError that `action` throws, "(no error)" when it throws none.
template <class Action>
std::string user_error(Action&& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "(no error)";
}

inline ::testing::AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << text << "' does not contain '" << part << "'";
}

/// `action` throws a UserError of one line that contains `part`.
#define EXPECT_USER_ERROR(action, part)                                               \
  do {                                                                                \
    const std::string user_error_text = ::matlora::test::user_error([&] { action; }); \
    EXPECT_TRUE(::matlora::test::contains(user_error_text, part));                    \
    EXPECT_EQ(user_error_text.find('\n'), std::string::npos) << user_error_text;      \
  } while (false)

}  // namespace matlora::test
