// What torch.save writes of a state dict: a zip archive with data.pkl, a pickle that names the
// tensors, and data/0, data/1 .., their storages. Format: PyTorch 2.13, torch/serialization.py
// (_save, _load) and torch/_utils.py (_rebuild_tensor_v2).
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/format/safetensors.h"

namespace matlora::format {

/// Whether the file begins as torch.save's archives do (and every other zip archive).
bool begins_as_torch_file(const std::filesystem::path& path);

/// A mapped file. Spans stay valid as long as the object and `file()` are held.
class TorchFile {
 public:
  /// Reads a dict from names to tensors of float64, float32, float16 or bfloat16 numbers, on any
  /// device. Nothing in it is executed. Throws UserError for everything else: the legacy format
  /// (before PyTorch 1.6), what stored_zip_entries and Pickle refuse, other values in the dict,
  /// other storages, big-endian numbers, tensors that pass their storage, and tensors that are
  /// together more than four times what the file stores.
  static TorchFile open(const std::filesystem::path& path);

  /// Row-major, in the dict's order: views of the file where its strides are so, else copies.
  const std::vector<TensorView>& tensors() const { return tensors_; }
  const std::shared_ptr<const MappedFile>& file() const { return file_; }

 private:
  class Reader;
  std::shared_ptr<const MappedFile> file_;
  std::vector<TensorView> tensors_;
  std::vector<std::vector<std::byte>> copies_;
};

}  // namespace matlora::format
