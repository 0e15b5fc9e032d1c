// An adapter on disk. The formats that are read are in adapters/, a file each; what is written is a
// PEFT directory (adapter_config.json, adapter_model.safetensors) of the full rank with
// matlora.json in it, which has what PEFT cannot say, or a plain PEFT directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/model/adapters/peft_targets.h"
#include "matlora/model/families/hyperparameters.h"

namespace matlora::model {

/// How `compress` made an adapter; matlora.json keeps it, nothing reads it back.
struct Compression {
  std::string from;           // the directory of the adapter before
  bool weighted = false;      // by the layers' inputs
  int64_t tokens = 0;         // that these were measured over
  double regularisation = 0;  // adapter::kMomentRegularisation; 0 without weights
  int64_t directions = 0;     // the first so many were put in order
  double kept_energy = 1;
  std::map<std::string, std::vector<double>> singular_values{};
};

/// What an adapter directory says besides the matrices.
struct AdapterInfo {
  std::string base_model;   // the path that was given, or a plain PEFT adapter's name of it
  std::string base_digest;  // "" for a plain PEFT adapter
  std::string base_name{};  // what PEFT can load (base_name.h); "": not known, the path is written
  std::optional<Compression> compressed{};  // written, not read
};

struct LoadedAdapter {
  adapter::Adapter adapter;
  AdapterInfo info;
  PeftTargets targets{};         // of adapter_config.json: layers that it names may be missing
  std::string format{};          // that it was read from, by its name in adapters/format.h's table
  std::filesystem::path file{};  // that has its matrices
  std::vector<std::string> notes{};  // what a user should know of it
  /// Of a GGUF file: its general.architecture, and how its tensors become transformers' (Family's
  /// from_gguf); null where they are alike, or load_adapter has done it.
  std::string architecture{};
  at::Tensor (*rows)(const std::string&, const at::Tensor&, const Hyperparameters&) = nullptr;
  /// Where A and B are mapped from, in the dtype that is stored there; null: they are in memory.
  std::shared_ptr<const MappedFile> mapped{};
};

/// Reads a directory that matlora or PEFT wrote, a GGUF file of LoRA matrices, or a file of the
/// reference implementation; matrices become float32 on `device`. `base`: the base model's path,
/// whose configuration is read where the adapter's rows depend on it (GGUF). A plain PEFT adapter
/// becomes method `lora` with PEFT's scale alpha/k (or alpha/√k with use_rslora) at rank k.
/// One with rank_pattern or alpha_pattern has each module's own scale folded into B in float32, and
/// the scale 1 at every rank. Throws UserError naming the file and key for options that are not
/// supported (DoRA, biases, ..), unpaired, misshapen or empty matrices, numbers that are not finite
/// (with their position), a rank that does not fit, LoRA on the head or the embedding, and a
/// matlora.json of a newer version; and, saying what `path` is, where it is no adapter; FieldError
/// "model" where a GGUF file's rows need a base and `base` is empty.
LoadedAdapter load_adapter(const std::filesystem::path& path, at::Device device,
                           const std::filesystem::path& base = {});

/// The same without a base: the rows of B of a GGUF file may be in its own order. For what needs
/// names, ranks and scales only.
LoadedAdapter peek_adapter(const std::filesystem::path& path);

/// load_adapter on the CPU, with matrices that stay in their file, in its dtype, where the format
/// allows it (LoadedAdapter::mapped): for who reads one layer after the other. Nothing may write to
/// them.
LoadedAdapter map_adapter(const std::filesystem::path& path,
                          const std::filesystem::path& base = {});

/// Writes adapter_config.json, adapter_model.safetensors and matlora.json into `directory`, which
/// exists. The PEFT files hold A and B as trained with the scale s(R). Layers of
/// other ranks than R are in rank_pattern and alpha_pattern, so that their scale is s(R) too.
void save_adapter(const std::filesystem::path& directory, const adapter::Adapter& adapter,
                  const AdapterInfo& info);

/// Writes the first k directions as a plain PEFT adapter into `directory`, which exists. The
/// paper's gate becomes PEFT's scale (sqrt: use_rslora, rank: lora_alpha 1, none: lora_alpha k);
/// one that is not a single such number is folded into B in float32, with lora_alpha k.
void save_slice(const std::filesystem::path& directory, const adapter::Adapter& adapter, int64_t k,
                adapter::InferenceGate gate, const AdapterInfo& info);

}  // namespace matlora::model
