// The tensors of a base model's files, for what copies or changes them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/format/gguf.h"
#include "matlora/format/safetensors.h"
#include "matlora/model/families/family.h"

namespace matlora::model {

/// A tensor as the files have it.
struct SourceTensor {
  std::string name;            // there
  std::string plain;           // transformers' name of a language model alone; "": it has none
  std::vector<int64_t> shape;  // row-major
  std::optional<format::GgmlType> type;  // none: integers and other dtypes, which are only copied
  format::DType dtype = {};              // of safetensors; not read in GGUF
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> file;

  int64_t rows() const { return shape.size() < 2 ? 1 : shape.front(); }
};

class MergeSource {
 public:
  /// A HF directory or a GGUF file. Throws UserError as the loader does.
  explicit MergeSource(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const Configuration& configuration() const { return configuration_; }
  const std::vector<SourceTensor>& tensors() const { return tensors_; }  ///< in the files' order
  const SourceTensor* find(const std::string& plain) const;              ///< null when absent
  const std::optional<format::Gguf>& gguf() const { return gguf_; }      ///< none: a directory

  /// `count` rows from `first` on as float32 [count, ..], in new memory, in the files' order; of a
  /// vector all of it. The pages of the file that were read leave memory.
  at::Tensor rows(const SourceTensor& tensor, int64_t first, int64_t count) const;

 private:
  void read_gguf();
  void read_directory();
  void add_file(const std::filesystem::path& path);
  void add(SourceTensor tensor);

  std::filesystem::path path_;
  Configuration configuration_;
  std::vector<SourceTensor> tensors_;
  std::map<std::string, size_t> by_plain_;
  std::optional<format::Gguf> gguf_;
};

}  // namespace matlora::model
