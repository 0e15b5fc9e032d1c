// The families of models that matlora knows. A family is one file that says how its configuration
// is read, what GGUF calls its tensors, and what a layer is made of; families.cpp lists them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/format/gguf.h"
#include "matlora/model/families/hyperparameters.h"
#include "matlora/model/families/loader.h"
#include "matlora/nn/decoder.h"

namespace matlora::model {

/// What config.json calls a family: its model_type and its class in transformers.
struct HfType {
  const char* type;
  const char* architecture;
};

/// A module's name in transformers and in GGUF, without `.weight`.
struct ModuleName {
  const char* hf;
  const char* gguf;
};

/// Names of a layer's norms; null: the layer has none there.
struct NormNames {
  const char* attention = "input_layernorm";
  const char* attention_output = nullptr;
  const char* feed_forward = "post_attention_layernorm";
  const char* feed_forward_output = nullptr;
};

/// Norms of queries and keys, self_attn.q_norm and k_norm: of each head, or of all together.
enum class HeadNorms { none, each, all };

struct Family {
  const char* name;
  std::vector<HfType> hf_types;
  std::vector<const char*> gguf_architectures;  // general.architecture

  /// From config.json. Throws UserError naming the key of what is missing, out of range or not
  /// supported. Token ids are read elsewhere.
  Hyperparameters (*read_hf)(const JsonObject& config);
  /// The same from GGUF metadata and the names of the tensors.
  Hyperparameters (*read_gguf)(const format::Gguf& file);

  std::vector<ModuleName> model_names;  // of the whole model
  std::vector<ModuleName> layer_names;  // behind `model.layers.N.` and `blk.N.`
  /// A GGUF tensor, by its transformers' name -> as transformers stores it; null: they are alike.
  at::Tensor (*from_gguf)(const std::string& name, const at::Tensor& value,
                          const Hyperparameters& of);

  /// general.architecture of files that are written, where gguf_architectures has none.
  const char* gguf_written = nullptr;

  NormNames norms = {};
  HeadNorms head_norms = HeadNorms::none;
  bool fused = false;  // self_attn.qkv_proj and mlp.gate_up_proj in place of q, k, v and gate, up

  /// `transformers` name of a tensor -> GGUF name; "" when there is none.
  std::string gguf_name(const std::string& name) const;
};

/// All of them, in the order in which messages name them.
std::span<const Family> families();

/// A model's family and hyperparameters.
struct Configuration {
  const Family* family = nullptr;  // of the list that was asked
  Hyperparameters of;
};

/// config.json of a HF model directory, and generation_config.json's eos_token_id next to it, which
/// wins when present. Throws UserError naming the key for a model_type or architecture of no family
/// in `known` (saying what is missing for those of kinds that are known not to work), a
/// quantization_config, and what the family refuses.
Configuration read_hf_configuration(const std::filesystem::path& directory,
                                    std::span<const Family> known = families());

/// The same from GGUF metadata.
Configuration read_gguf_configuration(const format::Gguf& file,
                                      std::span<const Family> known = families());

/// The family of the file's general.architecture. Throws UserError where `known` has none.
const Family& gguf_family(const format::Gguf& file, std::span<const Family> known = families());

/// Whether a family has the file's general.architecture.
bool knows_gguf(const format::Gguf& file);

// One line each for the families' files. Most are Llama's but for what they set.
Family llama_family();
Family mistral_family();
Family qwen2_family();
Family qwen3_family();
Family granite_family();
Family smollm3_family();
Family olmo2_family();
Family olmo3_family();
Family gemma2_family();
Family gemma3_family();
Family phi3_family();

}  // namespace matlora::model
