// Gguf::open: one model in one file or several. Keys, names and rules are those of llama.cpp's
// tools/gguf-split and src/llama-model-loader.cpp.
#include <cstdio>
#include <iterator>

#include "matlora/base/error.h"
#include "matlora/format/gguf.h"

namespace matlora::format {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostParts = 65535;  // the keys are 16 bits wide

/// "-00002-of-00003.gguf"; `index` begins at 0.
std::string ending(int64_t index, int64_t count) {
  char text[64];
  std::snprintf(text, sizeof text, "-%05d-of-%05d.gguf", static_cast<int>(index + 1),
                static_cast<int>(count));
  return text;
}

int64_t part_count(const Gguf& file) { return file.integer_or("split.count", 0, 0, kMostParts); }

int64_t part_index(const Gguf& file, int64_t count) {
  return file.integer("split.no", 0, count - 1);
}

/// The common beginning of the parts' paths, for which the file's own name is checked.
std::string stem_of(const fs::path& path, int64_t index, int64_t count) {
  const std::string text = path.string(), expected = ending(index, count);
  if (!text.ends_with(expected)) {
    fail(text, "part ", index + 1, " of ", count, " of a model: expected a name that ends in ",
         expected, "; rename the parts as they were");
  }
  return text.substr(0, text.size() - expected.size());
}

void check_part(const Gguf& part, int64_t index, int64_t count) {
  const std::string where = part.file()->path().string();
  const int64_t got_count = part_count(part);
  if (got_count != count) {
    fail(where, "'split.count': expected ", count, " as in the first part, got ", got_count);
  }
  const int64_t got = part_index(part, count);
  if (got != index) fail(where, "'split.no': expected ", index, ", got ", got);
}

}  // namespace

Gguf Gguf::open(const fs::path& path) {
  Gguf model = open_one(path);
  const int64_t count = part_count(model);
  if (count <= 1) return model;
  const int64_t index = part_index(model, count);
  const std::string stem = stem_of(path, index, count);
  if (index != 0) {
    fail(path.string(), "part ", index + 1, " of ", count, " of a model: expected the first, ",
         fs::path(stem + ending(0, count)).filename().string());
  }
  for (int64_t i = 1; i < count; ++i) {
    const fs::path name = stem + ending(i, count);
    std::error_code error;
    if (!fs::exists(name, error)) {
      fail(path.string(), "part ", i + 1, " of ", count, " is missing: expected ",
           name.filename().string(), " next to it; is the download complete?");
    }
    Gguf part = open_one(name);
    check_part(part, i, count);
    for (GgufTensor& tensor : part.tensors_) model.add_tensor(std::move(tensor), name.string());
  }
  const auto tensors = static_cast<int64_t>(model.tensors_.size());
  const int64_t expected = model.integer("split.tensors.count", 0, INT64_MAX);
  if (tensors != expected) {
    fail(path.string(), "'split.tensors.count': expected ", expected, " tensors in all parts, got ",
         tensors);
  }
  return model;
}

}  // namespace matlora::format
