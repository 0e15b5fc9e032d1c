// Files: mapped for reading; written whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "matlora/base/error.h"

namespace matlora {

namespace fs = std::filesystem;

/// A file mapped read-only for as long as the object lives.
class MappedFile {
 public:
  /// Throws UserError when the file is missing, unreadable, not a regular file, or a Git LFS
  /// pointer.
  static std::shared_ptr<const MappedFile> open(const fs::path& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const fs::path& path() const { return path_; }

  /// `part` of bytes() is not needed for now: its whole pages leave memory until they are read
  /// again.
  void forget(std::span<const std::byte> part) const;

 private:
  MappedFile() = default;

  fs::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;  // bytes
};

/// Whether the name exists at all, be it a link to nothing or unreadable. Only where it does
/// not may an optional file count as absent.
bool is_there(const fs::path& path);

/// Throws UserError at `where` when `text` is the pointer that Git LFS leaves in a file's place:
/// it begins with "version https://git-lfs.github.com/spec" (git-lfs, docs/spec.md).
void refuse_lfs_pointer(std::string_view text, const std::string& where);

/// The first part of `path` that is a file, where a directory is expected; "" when there is none.
fs::path file_in_the_way(const fs::path& path);

/// The whole file as bytes. Throws UserError when it cannot be read.
std::string read_file(const fs::path& path);

/// A file under construction: bytes go to a temporary name in its directory; commit() flushes them
/// to the disk and renames. Without commit() nothing is left behind. All failures (a full disk too)
/// throw UserError naming `path`.
class AtomicFile {
 public:
  explicit AtomicFile(fs::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);
  void write(std::span<const std::byte> bytes);
  void commit();

 private:
  [[noreturn]] void fail_write(int error);

  fs::path path_, temporary_;
  int descriptor_ = -1;
};

/// Whether the name is one that AtomicFile gives to what is not finished.
bool is_temporary(const fs::path& path);

/// AtomicFile in one call.
void write_file(const fs::path& path, std::string_view bytes);

/// Makes a rename in `directory` survive a crash; best effort, as not all file systems allow it.
void sync_directory(const fs::path& directory);

}  // namespace matlora
