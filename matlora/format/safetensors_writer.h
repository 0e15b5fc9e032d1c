// A safetensors file written tensor by tensor: never the whole of it in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/format/safetensors.h"

namespace matlora::format {

/// A tensor that is going to be written. row-major, outermost first.
struct TensorPlan {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  uint64_t bytes() const;  ///< Throws UserError when they do not fit 2^64, or are no whole bytes.
};

class SafetensorsWriter {
 public:
  /// Writes the header of `tensors`, in this order, the data aligned to 64 bytes. Throws UserError
  /// when the file cannot be written or a text is not UTF-8, BugError for a name that is there
  /// twice.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorPlan> tensors,
                    const std::map<std::string, std::string>& metadata);

  /// The next bytes, of one tensor after the other. BugError for more than the header says.
  void write(std::span<const std::byte> bytes);

  /// Gives the file its name. BugError unless all bytes are written; without commit() nothing is
  /// left behind.
  void commit();

 private:
  AtomicFile file_;
  uint64_t left_ = 0;  // bytes
};

}  // namespace matlora::format
