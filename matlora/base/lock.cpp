#include "matlora/base/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "matlora/base/error.h"

namespace matlora {
namespace {

/// "process 1234 on host (train, since 2026-11-25 15:31:16 UTC)"
std::string holder_text(const std::string& command) {
  char host[256] = "this machine", time[64] = "";
  ::gethostname(host, sizeof host - 1);
  const std::time_t now = std::time(nullptr);
  struct tm parts {};
  ::gmtime_r(&now, &parts);
  std::strftime(time, sizeof time, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return cat("process ", ::getpid(), " on ", host, " (", command, ", since ", time, ")");
}

std::string read_some(int descriptor) {
  char text[512];
  const ssize_t size = ::pread(descriptor, text, sizeof text, 0);
  return size > 0 ? printable(std::string(text, static_cast<size_t>(size)), 400)
                  : "a process that is just starting";
}

/// Whether `path` still names the file that is open.
bool is_same_file(int descriptor, const std::filesystem::path& path) {
  struct stat open {
  }, named{};
  return ::fstat(descriptor, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

}  // namespace

FileLock::FileLock(std::filesystem::path file, const std::string& command, const std::string& what)
    : file_(std::move(file)) {
  while (true) {
    descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail(what, "cannot write in the directory: ", std::strerror(errno));
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      const std::string holder = read_some(descriptor_);
      ::close(descriptor_);
      fail(what, "another run writes to this output: ", holder,
           "; wait for its end, or give another ", Field{"output"});
    }
    if (is_same_file(descriptor_, file_)) break;
    ::close(descriptor_);  // its holder removed it just now
  }
  const std::string text = holder_text(command);
  // Who cannot be told (a full disk) still holds the lock.
  if (::ftruncate(descriptor_, 0) == 0) {
    [[maybe_unused]] const ssize_t size = ::pwrite(descriptor_, text.data(), text.size(), 0);
  }
}

FileLock::~FileLock() {
  ::unlink(file_.c_str());
  ::close(descriptor_);
}

bool FileLock::is_held(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool held = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(descriptor);
  return held;
}

}  // namespace matlora
