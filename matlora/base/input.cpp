#include "matlora/base/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "matlora/base/error.h"

namespace matlora {
namespace {

constexpr char kStandardInput[] = "-";

/// Everything up to the end of the stream.
std::string read_all(int descriptor, const fs::path& path) {
  std::string text;
  char buffer[1 << 16];
  while (true) {
    const ssize_t count = ::read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path.string(), "cannot read the stream: ", std::strerror(errno));
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
  }
}

std::string read_standard_input(const fs::path& path) {
  static std::atomic<bool> taken = false;
  if (taken.exchange(true)) {
    fail(path.string(), "the standard input was read already; give a file to one of the options");
  }
  return read_all(STDIN_FILENO, path);
}

std::string read_pipe(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path.string(), "cannot open the pipe: ", std::strerror(errno));
  try {
    std::string text = read_all(descriptor, path);
    ::close(descriptor);
    return text;
  } catch (...) {
    ::close(descriptor);
    throw;
  }
}

}  // namespace

bool is_stream(const fs::path& path) {
  struct stat status {};
  return path == kStandardInput || (::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode));
}

InputText InputText::open(const fs::path& path) {
  InputText input;
  if (path == kStandardInput) {
    input.stream_ = read_standard_input(path);
  } else if (is_stream(path)) {
    input.stream_ = read_pipe(path);
  } else {
    input.file_ = MappedFile::open(path);
  }
  refuse_lfs_pointer(input.text(), path.string());
  return input;
}

std::string_view InputText::text() const {
  if (!file_) return stream_;
  const auto bytes = file_->bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace matlora
