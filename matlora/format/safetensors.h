// safetensors: 8 bytes of header length (u64, little-endian), a JSON header, the tensors' bytes.
// Format: https://github.com/huggingface/safetensors (README, "Format").
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/file.h"

namespace matlora::format {

/// All dtypes of the format (safetensors 0.8.0). `model::wrap` says which of them become tensors.
enum class DType {
  f64,
  f32,
  f16,
  bf16,
  i64,
  i32,
  i16,
  i8,
  u8,
  boolean,
  u64,
  u32,
  u16,
  c64,
  f8_e4m3,
  f8_e5m2,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  f6_e2m3,
  f6_e3m2,
  f4,
};

size_t item_bits(DType dtype);        ///< 4 and 6 for the dtypes below a byte
const char* dtype_name(DType dtype);  ///< the format's name: "F32", "BF16", ..

/// A named array, row-major. The bytes belong to somebody else.
struct TensorView {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

/// A mapped safetensors file. Spans stay valid as long as `file()` is held.
class Safetensors {
 public:
  /// Throws UserError when the header is wrong in any way: length, JSON, duplicate names, dtypes,
  /// negative or overflowing shapes, offsets that overlap, leave holes or pass the end. What the
  /// Python package `safetensors` reads is read, but for a tensor's name that is there twice.
  static Safetensors open(const std::filesystem::path& path);

  const std::vector<TensorView>& tensors() const { return tensors_; }  ///< by offset
  const TensorView* find(const std::string& name) const;               ///< null when absent
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::shared_ptr<const MappedFile>& file() const { return file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::vector<TensorView> tensors_;
  std::map<std::string, size_t> by_name_;
  std::map<std::string, std::string> metadata_;
};

/// Writes the tensors in the given order, aligned to 64 bytes where the data begin; atomically.
/// Throws UserError when the file cannot be written, BugError when shape and bytes disagree.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace matlora::format
