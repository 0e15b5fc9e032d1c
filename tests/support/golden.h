// Files that tools/golden made with the reference implementations.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "matlora/format/safetensors.h"
#include "matlora/model/tensors.h"

namespace matlora::tests {

/// Where they are: MATLORA_GOLDEN/`name`.
inline std::filesystem::path golden_path(const std::string& name) {
  const char* directory = std::getenv("MATLORA_GOLDEN");
  return std::filesystem::path(directory ? directory : "/nonexistent") / name;
}

/// A safetensors file by tensor names.
class Golden {
 public:
  explicit Golden(const std::filesystem::path& path) : file_(format::Safetensors::open(path)) {}

  at::Tensor operator[](const std::string& name) const {
    const format::TensorView* view = file_.find(name);
    if (!view) throw std::runtime_error("no tensor " + name);
    return model::wrap(*view, file_.file());
  }

 private:
  format::Safetensors file_;
};

}  // namespace matlora::tests
