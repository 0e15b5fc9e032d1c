// The matrices of an adapter on disk: adapter_model.safetensors, or adapter_model.bin.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/base/file.h"

namespace matlora::model {

/// What PEFT puts before a layer's name.
inline constexpr char kPeftPrefix[] = "base_model.model.";

/// Which of the two files holds them, as PEFT chooses: the pickle only where it is alone.
std::filesystem::path matrices_file(const std::filesystem::path& directory);

/// Reads A and B of every layer as float32 on `device`; a layer may lack one of them. Names are
/// [base_model.model.]LAYER.lora_A[.NAME].weight, NAME being that of the adapter (PEFT leaves it
/// out when it saves, and the prefix where it has put the adapter into a model without its own
/// class). Throws UserError naming file and tensor for what is no LoRA of a linear layer
/// (embeddings, whole modules, DoRA), a second adapter's name, a dtype that is no number, an empty
/// matrix, one that is there twice, and a number that is not finite in float32, with its position.
/// mapped: where it is given and the file is a safetensors file, the matrices stay in it, in its
/// dtype, and it is set to it.
std::vector<adapter::LayerAdapter> read_matrices(
    const std::filesystem::path& path, at::Device device,
    std::shared_ptr<const MappedFile>* mapped = nullptr);

/// Throws UserError unless `layer` has A [rank, in] and B [out, rank].
void check_pair(const adapter::LayerAdapter& layer, int64_t rank, const std::string& where);

}  // namespace matlora::model
