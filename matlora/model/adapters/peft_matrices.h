// The matrices of an adapter on disk: adapter_model.safetensors.
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

/// Reads A and B of every layer as float32 on `device`, or where `file` is given as
/// they are in the mapped file, which it is set to; a layer may lack one of them.
/// Throws UserError naming file and tensor for what is no LoRA of a linear layer (embeddings, whole
/// modules, DoRA), for a dtype that is no number, an empty matrix, and a number that is not finite
/// in float32, with its position; and where `directory` has its weights in another form only.
std::vector<adapter::LayerAdapter> read_matrices(const std::filesystem::path& directory,
                                                 at::Device device,
                                                 std::shared_ptr<const MappedFile>* file = nullptr);

/// Throws UserError unless `layer` has A [rank, in] and B [out, rank].
void check_pair(const adapter::LayerAdapter& layer, int64_t rank, const std::string& where);

}  // namespace matlora::model
