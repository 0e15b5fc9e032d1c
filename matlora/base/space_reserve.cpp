#include "matlora/base/space_reserve.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "matlora/base/error.h"

namespace matlora {

SpaceReserve::SpaceReserve(const std::filesystem::path& directory, int64_t bytes) : bytes_(bytes) {
  const std::string name = (directory / ("reserve.tmp" + std::to_string(::getpid()))).string();
  descriptor_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor_ < 0) return;
  ::unlink(name.c_str());
  if (::fallocate(descriptor_, 0, 0, bytes_) == 0 || (errno != ENOSPC && errno != EDQUOT)) return;
  ::close(descriptor_);
  fail(directory.string(), "the disk is full: the result and the state to resume from need ",
       (bytes_ >> 20) + 1, " MiB");
}

SpaceReserve::~SpaceReserve() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void SpaceReserve::release() { [[maybe_unused]] const int result = ::ftruncate(descriptor_, 0); }

void SpaceReserve::refill() {
  [[maybe_unused]] const int result = ::fallocate(descriptor_, 0, 0, bytes_);
}

}  // namespace matlora
