// Any rank of an adapter in the files that other tools read.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>

#include "matlora/adapter/plan.h"
#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/model/adapter_io.h"
#include "matlora/model/families/family.h"

namespace matlora::model {

/// What is written of an adapter.
struct ExportOptions {
  adapter::RankPlan plan;
  adapter::InferenceGate gate = adapter::InferenceGate::paper;
  at::ScalarType dtype = at::kFloat;            // or float16, bfloat16: of A and B, rounded once
  std::shared_ptr<const MappedFile> file = {};  // LoadedAdapter's
};

/// Writes adapter_config.json and adapter_model.safetensors into `directory`, which exists. Readers
/// then give each module the gate of its rank. A gate that is one number is PEFT's scale: scaling
/// sqrt is use_rslora, rank is lora_alpha 1, none is lora_alpha k; where ranks differ alpha_pattern
/// has them. Another gate is folded into B in float32, with lora_alpha k. Modules at rank 0 are
/// left out. Written a layer at a time. Throws UserError for ranks that the adapter lacks, a plan
/// of the base alone, and numbers too large for the dtype.
void export_peft(const std::filesystem::path& directory, const adapter::Adapter& adapter,
                 const AdapterInfo& info, const ExportOptions& options);

/// Throws UserError at `where` unless every layer of the adapter is one of `base`, of its shape.
void check_layers(const adapter::Adapter& adapter, const Configuration& base,
                  const std::string& where);

/// A GGUF LoRA file for llama.cpp (src/llama-adapter.cpp, convert_lora_to_gguf.py): names of the
/// base's family, rows of q and k in its order. The file has one alpha for all, from which a reader
/// makes the scale alpha / r: what it does not say of a module is folded into B. Throws the same,
/// and before anything is written UserError that lists what such a file cannot carry: layers that
/// `base` lacks or has in another shape, a family without a GGUF architecture.
void export_gguf(const std::filesystem::path& file, const adapter::Adapter& adapter,
                 const AdapterInfo& info, const ExportOptions& options, const Configuration& base);

}  // namespace matlora::model
