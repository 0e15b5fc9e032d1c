// Space on the disk that is set aside, so that a file can be written when the disk is full.
#pragma once

#include <cstdint>
#include <filesystem>

namespace matlora {

/// Bytes held by a file without a name: they are free again when the process ends, however it does.
class SpaceReserve {
 public:
  /// Sets `bytes` aside on the disk of `directory`. Throws UserError when they are not there. Where
  /// the file system cannot set space aside, nothing is.
  SpaceReserve(const std::filesystem::path& directory, int64_t bytes);
  ~SpaceReserve();
  SpaceReserve(const SpaceReserve&) = delete;
  SpaceReserve& operator=(const SpaceReserve&) = delete;

  /// Gives the space back.
  void release();
  /// Sets it aside again, as far as it is there.
  void refill();

 private:
  int descriptor_ = -1;
  int64_t bytes_;
};

}  // namespace matlora
