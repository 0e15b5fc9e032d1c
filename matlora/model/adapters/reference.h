// What the reference implementation of MatryoshkaLoRA saves: lora_adapters_step=*.pt, torch.save of
// a dict. CONVENTIONS: IST-DASLab/MatryoshkaLoRA 66dd464, utils/model_utils.py (save_lora_weights)
// and adapters/lora.py.
#pragma once

#include <filesystem>

#include "matlora/model/adapter_io.h"

namespace matlora::model {

/// A file named .pt or .pth.
bool is_reference(const std::filesystem::path& path);

/// LAYER.lora_A [in, R] and LAYER.lora_B [R, out] of every layer. The file says neither method nor
/// scaling, mask and training ranks: they are those of the paper's runs (matryoshka, sqrt, diag,
/// the powers of two up to R), with a note, unless lora_adapters.json next to it says otherwise
/// (an object with any of "method", "scaling", "mask", "train_ranks"). Throws as load_adapter does.
LoadedAdapter read_reference(const std::filesystem::path& path, at::Device device);

}  // namespace matlora::model
