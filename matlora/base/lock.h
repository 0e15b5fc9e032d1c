// One writer at a time: a lock file that names who holds it. The kernel drops the lock with its
// process, however that ends; a lock file that is left behind locks nothing.
#pragma once

#include <filesystem>
#include <string>

namespace matlora {

class FileLock {
 public:
  /// Takes the lock of `file`, which is made; its directory exists. `command` is what the holder
  /// does ("train"). Throws UserError at `what` that names the holder's process, command and start
  /// when another one holds it, and when the file cannot be written. Where the file system has no
  /// locks there is none.
  FileLock(std::filesystem::path file, const std::string& command, const std::string& what);
  /// Removes the file.
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  /// Whether a living process holds the lock of `file`.
  static bool is_held(const std::filesystem::path& file);

 private:
  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace matlora
