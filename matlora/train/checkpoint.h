// The state of an unfinished run in one file: A, B, AdamW's moments, the step. Restoring it goes on
// as if the run had never stopped, to the bit on one machine.
#pragma once

#include <filesystem>
#include <string>

#include "matlora/adapter/attach.h"
#include "matlora/train/trainer.h"

namespace matlora::train {

/// The file's name inside a run's directory.
inline constexpr char kStateFile[] = "trainer_state.safetensors";

/// Writes DIR/trainer_state.safetensors. `recipe` is any text that a resumed run must repeat.
void save_state(const std::filesystem::path& directory, const adapter::Adapter& adapter,
                Trainer& trainer, const std::string& recipe);

/// Restores what save_state wrote. Throws UserError when there is no such file, or it belongs to
/// another adapter or recipe.
void restore_state(const std::filesystem::path& directory, adapter::Adapter& adapter,
                   Trainer& trainer, const std::string& recipe);

}  // namespace matlora::train
