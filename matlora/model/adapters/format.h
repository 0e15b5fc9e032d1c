// The formats that adapters are read from: a file each, and a line each of the table in format.cpp.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <span>

#include "matlora/model/adapter_io.h"

namespace matlora::model {

/// Where the matrices of an adapter are.
enum class Matrices { in_memory, mapped };

struct AdapterFormat {
  const char* name;
  /// Whether `path`, a directory or a file that exists, is of this format by the names or the first
  /// bytes that are there. What is damaged is still of it: `read` says what is wrong.
  bool (*is)(const std::filesystem::path& path);
  /// Reads it, matrices as float32 on `device`, layers by the names of nn::for_each_linear. Throws
  /// UserError naming the file and what is wrong in it.
  LoadedAdapter (*read)(const std::filesystem::path& path, at::Device device);
  /// The same with matrices that stay in their file (map_adapter); null: `read` will do.
  LoadedAdapter (*map)(const std::filesystem::path& path) = nullptr;
};

/// The table, in the order in which formats are asked.
std::span<const AdapterFormat> adapter_formats();

/// Reads `path`, which exists, as the first of `formats` that it is of. Throws UserError that says
/// what is there when it is of none, what `read` throws, and for an adapter of any format on the
/// head or the embedding.
LoadedAdapter read_adapter(const std::filesystem::path& path, at::Device device,
                           std::span<const AdapterFormat> formats,
                           Matrices matrices = Matrices::in_memory);

}  // namespace matlora::model
