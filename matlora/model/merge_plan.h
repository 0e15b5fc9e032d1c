// What a merged model is made of, file by file, and how it is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "matlora/adapter/slice.h"
#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/format/gguf_writer.h"
#include "matlora/model/export.h"
#include "matlora/model/merge_source.h"

namespace matlora::model {

/// A tensor that is written: one of the source, whose rows may be in another order, or `values`.
struct MergedTensor {
  std::string name;                      // that is written
  const SourceTensor* source = nullptr;  // null: `values`
  std::vector<int64_t> shape = {};       // row-major
  format::GgmlType type = {};            // that is written; a copied one's is not read
  bool copied = false;                   // the source's bytes as they are
  double offset = 0;                     // added to every number: of norms
  std::vector<float> values = {};

  uint64_t bytes() const;
};

struct MergedShard {
  std::string name;  // "" of a GGUF file
  std::vector<MergedTensor> tensors;
};

struct MergedFiles {
  std::vector<MergedShard> shards;
  format::GgufPairs pairs;                              // of a GGUF file
  std::map<std::string, std::string> texts;             // written, by name
  std::map<std::string, std::filesystem::path> copies;  // copied, by name
  const Configuration* rows = nullptr;  // whose order of rows is written; null: transformers'

  std::vector<std::string> names() const;
};

/// A directory. Throws UserError for what it cannot carry.
MergedFiles plan_directory(const MergeSource& source, format::GgmlType type, uint64_t shard_bytes);

/// A GGUF file. The same.
MergedFiles plan_gguf(const MergeSource& source, format::GgmlType type);

/// The type that a tensor of the shape is written in: in GGUF vectors are F32, and a matrix whose
/// rows are no whole blocks is F16.
format::GgmlType gguf_type(const std::vector<int64_t>& shape, format::GgmlType type);

/// What writers need besides a plan.
struct MergeWork {
  const MergeSource& source;
  const std::map<std::string, adapter::LayerSlice>& slices;  // by the weight's plain name
  const std::function<bool(uint64_t)>& step;                 // bytes that are done
  const MappedFile* adapter_file = nullptr;                  // that the slices are mapped from
};

/// Both as Merge::write.
bool write_directory(const std::filesystem::path& directory, const MergedFiles& files,
                     const MergeWork& work);
bool write_gguf(const std::filesystem::path& file, const MergedFiles& files, const MergeWork& work);

}  // namespace matlora::model
