// PEFT's directories: adapter_config.json and adapter_model.safetensors or .bin. CONVENTIONS: PEFT
// 0.21.2, peft/tuners/lora/config.py and peft/utils/save_and_load.py.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "matlora/model/adapter_io.h"
#include "matlora/model/adapters/format.h"
#include "matlora/model/adapters/peft_patterns.h"
#include "matlora/model/adapters/peft_targets.h"

namespace matlora::model {

/// A directory with adapter_config.json.
bool is_peft(const std::filesystem::path& path);

/// Method `lora` with PEFT's scale alpha/k (or alpha/√k with use_rslora) at rank k. With
/// rank_pattern or alpha_pattern each module's own scale is folded into B in float32, and the scale
/// is 1 at every rank. Throws as load_adapter does.
LoadedAdapter read_peft(const std::filesystem::path& directory, at::Device device);
/// map_adapter (adapter_io.h). Where patterns have scales to fold in, B is in memory.
LoadedAdapter map_peft(const std::filesystem::path& directory);

/// What adapter_config.json says.
struct PeftConfig {
  adapter::GateRule rule;  // of modules that no pattern names
  AdapterInfo info;
  PeftPattern ranks, alphas;
  PeftTargets targets;
  bool has_targets;  // or PEFT's own, of the base's kind
};

/// Throws UserError for options that are not supported.
PeftConfig read_peft_config(const std::filesystem::path& directory);

/// The matrices as they are stored. Throws UserError where one is missing, misshapen, empty, not
/// finite or of another rank than the configuration says, and for a layer that it does not name.
/// mapped: as in read_matrices.
std::vector<adapter::LayerAdapter> read_peft_layers(
    const std::filesystem::path& directory, const PeftConfig& config, at::Device device,
    std::shared_ptr<const MappedFile>* mapped = nullptr);

}  // namespace matlora::model
