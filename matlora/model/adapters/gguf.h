// LoRA files of llama.cpp: GGUF with general.type "adapter" and adapter.type "lora". CONVENTIONS:
// llama.cpp, src/llama-adapter.cpp and convert_lora_to_gguf.py.
#pragma once

#include <filesystem>

#include "matlora/model/adapter_io.h"

namespace matlora::model {

/// A file that is named .gguf or begins with "GGUF". Of a model, too: reading it says so.
bool is_gguf_adapter(const std::filesystem::path& path);

/// BASE.lora_a [r, in] and BASE.lora_b [out, r] of every layer, of any type that is dequantised.
/// Method `lora` with the scale adapter.lora.alpha / k at rank k, or 1 where alpha is 0 or absent;
/// where layers have different ranks each one's own scale is folded into B, and 1 is left. Layers
/// have transformers' names, rows of B the file's order: `rows` brings them into transformers'.
/// Throws as load_adapter does.
LoadedAdapter read_gguf_adapter(const std::filesystem::path& path, at::Device device);

}  // namespace matlora::model
