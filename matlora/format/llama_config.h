// The shape of a Llama-architecture model, from config.json or from GGUF metadata.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/format/gguf.h"

namespace matlora::format {

/// Rope frequency scaling; formulas in nn/rope.h.
struct RopeScaling {
  enum class Kind { none, linear, llama3 } kind = Kind::none;
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3 only
  int64_t original_max_position_embeddings = 8192;   // llama3 only
};

struct LlamaConfig {
  int64_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, num_layers = 0;
  int64_t num_heads = 0, num_kv_heads = 0, head_dim = 0;
  int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-5, rope_theta = 10000;
  RopeScaling rope_scaling;
  bool tie_word_embeddings = false, attention_bias = false, mlp_bias = false;
  bool attention_output_bias = false;  // o_proj's; attention_bias is that of q, k and v
  std::vector<int64_t> eos_token_ids;  // may be empty
  std::optional<int64_t> bos_token_id;
};

/// config.json (and generation_config.json's eos_token_id beside it, which wins when present) of a
/// HF model directory. Accepts `rope_scaling` and the newer `rope_parameters` (which also holds
/// rope_theta), `rope_type` and the older `type`. Throws UserError naming the key for: a model_type
/// or architecture other than llama/LlamaForCausalLM, an activation other than silu, a rope type
/// other than default/linear/llama3, a quantization_config, sizes that are missing, out of range
/// or do not divide (num_heads by num_kv_heads; head_dim must be even).
LlamaConfig read_hf_config(const std::filesystem::path& directory);

/// The same from GGUF metadata (`general.architecture` must be `llama`). vocab_size from
/// `llama.vocab_size`, else from the tokens; tied when there is no `output.weight`; biases from the
/// tensors that are there; linear scaling from `llama.rope.scaling.*`; llama3 scaling comes as a
/// tensor `rope_freqs.weight` of per-frequency divisors, which the caller reads.
LlamaConfig read_gguf_config(const Gguf& file);

}  // namespace matlora::format
