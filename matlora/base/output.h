// The directory that a command's results go to. One process at a time writes to it. It knows which
// of its files are matlora's (DIR/.matlora/record.json) and touches no others. An earlier result is
// there, whole, until the new one is.
//
//   DIR/.matlora/record.json  {"format", "format_version", "matlora_version", "command", "files"}
//   DIR/.matlora/lock         who writes; only while somebody does
//   DIR/.matlora/new/         what is being written while DIR holds an earlier result
//   DIR/.matlora/commit/      the same on its way to DIR: whoever comes next completes the move
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "matlora/base/interrupt.h"
#include "matlora/base/lock.h"

namespace matlora {

/// What a command wants of its output directory.
struct OutputUse {
  std::string command;             // "train"
  std::vector<std::string> names;  // every file and folder that it may write
  bool force = false;              // an earlier result of matlora may be replaced
  bool resume = false;             // what is there is continued
  bool in_place = false;           // where there is no earlier result, write to DIR itself
  bool with_others = false;        // files that are not matlora's may be there already
};

class OutputDirectory {
 public:
  /// Makes the directory and takes its lock. Throws UserError when `path` is no name for a
  /// directory, cannot be made or written, is in use by another process, holds a result and `force`
  /// is not said, or holds what matlora did not write. Nothing is left behind then.
  OutputDirectory(std::filesystem::path path, OutputUse use);
  /// Takes away what was written, unless keep() or commit() was called.
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  /// Where to write: DIR, or DIR/.matlora/new.
  const std::filesystem::path& path() const { return work_; }
  const std::filesystem::path& target() const { return path_; }
  /// Whether path() is not the target.
  bool staged() const { return work_ != path_; }
  /// Whether an earlier result is in the target until commit().
  bool replaces() const { return replaces_; }

  /// While it is held no signal ends the program: for files that belong together.
  [[nodiscard]] std::unique_lock<std::recursive_mutex> hold() { return std::unique_lock(busy_); }

  /// What is at path() stays there, whatever comes.
  void keep();

  /// What is at path() becomes the result: files of the earlier one go, the user's own stay.
  /// Written all or none, also when the process is killed meanwhile. May be called again.
  void commit();

 private:
  void release();
  void keep_now();
  void make_directories();
  void check_free();
  void check_names() const;
  void open_work();

  std::filesystem::path path_, work_;
  std::vector<std::filesystem::path> made_;  // directories that were not there, outermost first
  OutputUse use_;
  std::optional<FileLock> lock_;
  std::optional<LastWords> words_;  // a signal leaves no less than an error does
  std::recursive_mutex busy_;       // .. and waits for what is under way
  bool open_ = false;               // path() is ours to write to
  bool replaces_ = false, kept_ = false;
};

/// Completes a commit() whose process was killed. Readers of results call it first.
void finish_commit(const std::filesystem::path& directory);

/// Where the unfinished run of a directory that holds an earlier result is: DIR/.matlora/new.
std::filesystem::path unfinished_path(const std::filesystem::path& directory);

}  // namespace matlora
