// GGUF, versions 2 and 3, little-endian: metadata, tensor infos, aligned tensor data.
// Format: ggml's docs/gguf.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/file.h"

namespace matlora::format {

/// ggml's tensor types; the numbers are the format's. can_dequantize() says which become numbers.
enum class GgmlType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
  nvfp4 = 40,
  q1_0 = 41,
};

const char* ggml_type_name(GgmlType type);  ///< "Q4_1", ..
size_t block_items(GgmlType type);          ///< numbers per block: 1, 32, 64, 128 or 256
size_t block_bytes(GgmlType type);

struct GgufTensor {
  std::string name;
  GgmlType type = GgmlType::f32;
  std::vector<int64_t> shape;  // row-major: outermost first (the file stores the reverse)
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> file;  // that has `bytes`
  int64_t items() const;                   ///< product of the shape
};

/// An array of arrays: read to its end, of which only the length is kept.
struct GgufNested {
  uint64_t length = 0;
  uint64_t size() const { return length; }
  bool operator==(const GgufNested&) const = default;
};

/// A metadata value. All integers widen to int64 or uint64, floats to double; arrays of strings and
/// of numbers are kept apart. Integers of an array are uint64 where one of them is 2^63 or more.
using GgufValue =
    std::variant<int64_t, uint64_t, double, bool, std::string, std::vector<std::string>,
                 std::vector<int64_t>, std::vector<uint64_t>, std::vector<double>,
                 std::vector<bool>, GgufNested>;

/// A mapped GGUF file, or several that hold one model (keys split.*; NAME-00001-of-00003.gguf).
class Gguf {
 public:
  /// `path`: the file, or the first of several, which are next to it; the metadata are the first's.
  /// Throws UserError when a file is wrong in any way (see tests/format/gguf_test.cpp), holds a
  /// tensor type that is not known, is missing, or is not the first. A type that cannot be
  /// dequantised is an error of who reads it.
  static Gguf open(const std::filesystem::path& path);

  uint32_t version() const { return version_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  const GgufTensor* find(const std::string& name) const;  ///< null when absent
  const std::map<std::string, GgufValue>& metadata() const { return metadata_; }
  /// Keys in the file's order, each with type and value as they are in the file, to be copied.
  const std::vector<std::pair<std::string, std::span<const std::byte>>>& stored() const {
    return stored_;
  }

  bool has(const std::string& key) const { return metadata_.count(key) != 0; }
  /// Typed access. Absent or of another type: UserError naming file and key (the `_or` forms:
  /// absent gives the fallback). Integers must be in lowest..highest.
  int64_t integer(const std::string& key, int64_t lowest, int64_t highest) const;
  int64_t integer_or(const std::string& key, int64_t fallback, int64_t lowest,
                     int64_t highest) const;
  double number(const std::string& key) const;
  double number_or(const std::string& key, double fallback) const;
  std::string string(const std::string& key) const;
  std::string string_or(const std::string& key, const std::string& fallback) const;
  bool boolean_or(const std::string& key, bool fallback) const;
  const std::vector<std::string>& strings(const std::string& key) const;
  const std::vector<int64_t>& integers(const std::string& key) const;

  /// The (first) file.
  const std::shared_ptr<const MappedFile>& file() const { return file_; }

 private:
  static Gguf open_one(const std::filesystem::path& path);
  void add_tensor(GgufTensor tensor, const std::string& where);

  std::shared_ptr<const MappedFile> file_;
  uint32_t version_ = 0;
  std::map<std::string, GgufValue> metadata_;
  std::vector<std::pair<std::string, std::span<const std::byte>>> stored_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, size_t> by_name_;
};

}  // namespace matlora::format
