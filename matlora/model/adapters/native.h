// matlora's own directories: PEFT's files of the full rank, and matlora.json with what PEFT cannot
// say: the gate's rule, fitted gates, the base's digest, how `compress` made it.
#pragma once

#include <filesystem>

#include "matlora/model/adapter_io.h"

namespace matlora::model {

/// A directory with adapter_config.json and matlora.json.
bool is_native(const std::filesystem::path& path);

/// matlora.json decides where both files speak. Throws as load_adapter does.
LoadedAdapter read_native(const std::filesystem::path& directory, at::Device device);
/// map_adapter (adapter_io.h).
LoadedAdapter map_native(const std::filesystem::path& directory);

/// save_adapter (adapter_io.h).
void write_native(const std::filesystem::path& directory, const adapter::Adapter& adapter,
                  const AdapterInfo& info);

}  // namespace matlora::model
