// The state of an unfinished run in one file: A, B, what the optimizer keeps, the step. Restoring
// it continues as if the run had never stopped, to the bit on one machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "matlora/adapter/attach.h"
#include "matlora/base/error.h"
#include "matlora/train/trainer.h"

namespace matlora::train {

/// The file's name inside a run's directory.
inline constexpr char kStateFile[] = "trainer_state.safetensors";

/// What a resumed run must repeat for its steps to follow from the earlier ones: names of options
/// with their values as text; "data" and "model" are hashes.
using RecipeRecord = std::map<std::string, std::string>;

/// Writes DIR/trainer_state.safetensors; the state is that of the last whole step. Throws UserError
/// when it cannot be written; an earlier state is there as before then. The optimizer's name is
/// written with the recipe.
void save_state(const std::filesystem::path& directory, const adapter::Adapter& adapter,
                Trainer& trainer, const RecipeRecord& recipe);

/// Restores what save_state wrote. Throws UserError when there is no such file, or it is of another
/// adapter, optimizer or recipe; then the message names what differs, with both values.
void restore_state(const std::filesystem::path& directory, adapter::Adapter& adapter,
                   Trainer& trainer, const RecipeRecord& recipe);

/// About what a state of this adapter and optimizer takes on the disk, in bytes.
int64_t state_bytes(const adapter::Adapter& adapter, const Optimizer& optimizer);

}  // namespace matlora::train
