// Writes PEFT's directories: adapter_config.json and adapter_model.safetensors.
#pragma once

#include <filesystem>

#include "matlora/adapter/slice.h"
#include "matlora/model/adapter_io.h"
#include "matlora/model/export.h"

namespace matlora::model {

/// Writes the full rank with the scale s(R); layers of other ranks are in rank_pattern and
/// alpha_pattern, so that their scale is s(R) too.
void write_peft(const std::filesystem::path& directory, const adapter::Adapter& adapter,
                const AdapterInfo& info);

/// export_peft (export.h).
void write_peft_slice(const std::filesystem::path& directory, const adapter::Adapter& adapter,
                      const AdapterInfo& info, const ExportOptions& options);

}  // namespace matlora::model
