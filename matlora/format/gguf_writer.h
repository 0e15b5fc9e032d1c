// A GGUF file, version 3, written tensor by tensor: never the whole of it in memory. Format: ggml's
// docs/gguf.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/format/gguf.h"

namespace matlora::format {

/// Key and value pairs with the exact types that readers of the format ask for.
class GgufPairs {
 public:
  GgufPairs& u32(const std::string& key, uint32_t value);
  GgufPairs& f32(const std::string& key, double value);
  GgufPairs& boolean(const std::string& key, bool value);
  GgufPairs& string(const std::string& key, const std::string& value);
  GgufPairs& strings(const std::string& key, const std::vector<std::string>& values);
  GgufPairs& i32s(const std::string& key, std::span<const int32_t> values);
  GgufPairs& f32s(const std::string& key, std::span<const float> values);
  GgufPairs& booleans(const std::string& key, const std::vector<bool>& values);
  /// `bytes`: type and value as another file has them (Gguf::stored()).
  GgufPairs& stored(const std::string& key, std::span<const std::byte> bytes);

  uint64_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

 private:
  GgufPairs& add(const std::string& key, uint32_t type, const std::string& value);

  std::string bytes_;
  uint64_t count_ = 0;
};

/// A tensor that is going to be written.
struct GgufPlan {
  std::string name;
  GgmlType type = GgmlType::f32;
  std::vector<int64_t> shape;  // row-major: outermost first, as GgufTensor's
  uint64_t bytes() const;      ///< Throws UserError when rows are no whole blocks.
};

class GgufWriter {
 public:
  /// Writes metadata and tensor infos, the data in this order, aligned to 32 bytes. `pairs` must
  /// not say another general.alignment. Throws UserError when the file cannot be written, BugError
  /// for a name that is there twice.
  GgufWriter(const std::filesystem::path& path, const GgufPairs& pairs,
             std::vector<GgufPlan> tensors);

  /// The next bytes, of one tensor after the other. BugError for bytes beyond the tensor's end.
  void write(std::span<const std::byte> bytes);

  /// Gives the file its name. BugError unless all bytes are written; without commit() nothing is
  /// left behind.
  void commit();

 private:
  void next_tensor();

  AtomicFile file_;
  std::vector<GgufPlan> tensors_;
  size_t next_ = 0;    // tensors that are begun
  uint64_t left_ = 0;  // bytes of the one that is under way
  uint64_t written_ = 0;
};

}  // namespace matlora::format
