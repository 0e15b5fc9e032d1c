#include "matlora/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "matlora/base/error.h"

namespace matlora {
namespace {

constexpr char kTemporary[] = ".tmp";  // followed by the process's number

std::string temporary_name(const fs::path& path) {
  return path.string() + kTemporary + std::to_string(::getpid());
}

[[noreturn]] void fail_open(const fs::path& path, int error) {
  if (error == ENOTDIR) {
    fail(path.string(), "cannot open the file: ", file_in_the_way(path).string(),
         " is a file; expected a directory");
  }
  fail(path.string(), "cannot open the file: ", std::strerror(error));
}

}  // namespace

void refuse_lfs_pointer(std::string_view text, const std::string& where) {
  if (!text.starts_with("version https://git-lfs.github.com/spec")) return;
  fail(where, "a Git LFS pointer is here in place of the file; `git lfs pull` in its repository ",
       "fetches it");
}

fs::path file_in_the_way(const fs::path& path) {
  fs::path part;
  std::error_code error;
  for (const fs::path& name : path) {
    part /= name;
    if (fs::exists(part, error) && !fs::is_directory(part, error)) {
      return part.has_filename() ? part : part.parent_path();
    }
  }
  return {};
}

std::shared_ptr<const MappedFile> MappedFile::open(const fs::path& path) {
  // O_NONBLOCK: a FIFO is refused below instead of waited for.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) fail_open(path, errno);
  struct stat status {};
  ::fstat(descriptor, &status);
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor);
    fail(path.string(), "not a regular file",
         S_ISDIR(status.st_mode) ? "; it is a directory: give a file" : "");
  }
  const auto size = static_cast<size_t>(status.st_size);
  void* data = nullptr;
  if (size > 0) {
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  }
  const int error = errno;
  ::close(descriptor);
  if (data == MAP_FAILED) fail(path.string(), "cannot map the file: ", std::strerror(error));

  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  file->data_ = static_cast<const std::byte*>(data);
  file->size_ = size;
  refuse_lfs_pointer({static_cast<const char*>(data), size}, path.string());
  return file;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::forget(std::span<const std::byte> part) const {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = static_cast<size_t>(part.data() - data_);
  const size_t first = (begin + page - 1) / page * page;
  const size_t last = (begin + part.size()) / page * page;
  if (first < last) ::madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_DONTNEED);
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found;
}

std::string read_file(const fs::path& path) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), temporary_(temporary_name(path_)) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(path_.string(), "cannot write the file: ", std::strerror(errno));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::fail_write(int error) {
  fail(path_.string(), "cannot write the file: ", std::strerror(error), "; nothing was kept of it");
}

void AtomicFile::write(std::string_view bytes) {
  check(descriptor_ >= 0, "AtomicFile: write after commit");
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_write(errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void AtomicFile::commit() {
  check(descriptor_ >= 0, "AtomicFile: commit twice");
  if (::fsync(descriptor_) != 0 && errno != EINVAL) fail_write(errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_write(errno);
  ::close(descriptor_);
  descriptor_ = -1;
  sync_directory(path_.parent_path());
}

bool is_temporary(const fs::path& path) {
  const std::string name = path.filename().string();
  const size_t end = name.find_last_not_of("0123456789");
  return end != std::string::npos && end + 1 < name.size() &&
         name.substr(0, end + 1).ends_with(kTemporary);
}

void sync_directory(const fs::path& directory) {
  const int descriptor = ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

void write_file(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace matlora
