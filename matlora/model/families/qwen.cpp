// Qwen 2 and 2.5: Llama with biases of q, k and v. Qwen 3: norms of each head's queries and keys.
// Keys: transformers' Qwen2Config and Qwen3Config.
#include "matlora/model/families/configs.h"
#include "matlora/model/families/family.h"

namespace matlora::model {
namespace {

/// Windows only where use_sliding_window says so, in layers from max_window_layers on.
void read_windows(const JsonObject& config, Hyperparameters& of) {
  if (!config.boolean_or("use_sliding_window", false)) return;
  const int64_t window = read_window(config, 4096);
  const int64_t first = config.integer_or("max_window_layers", 28, 0, kMaxSize);
  set_sliding(read_sliding_layers(config, of.num_layers,
                                  [&](int64_t i) { return window > 0 && i >= first; }),
              window, /*rope=*/0, of);
}

Hyperparameters read_hf_qwen2(const JsonObject& config) {
  expect_activation(config, "silu");
  Hyperparameters of =
      read_hf_sizes(config, {.num_kv_heads = 32, .max_position_embeddings = 32768});
  of.attention_bias = true;
  read_windows(config, of);
  return of;
}

Hyperparameters read_hf_qwen3(const JsonObject& config) {
  expect_activation(config, "silu");
  Hyperparameters of = read_hf_sizes(
      config, {.num_kv_heads = 32, .head_dim = 128, .max_position_embeddings = 32768});
  of.attention_bias = of.attention_output_bias = config.boolean_or("attention_bias", false);
  read_windows(config, of);
  return of;
}

Hyperparameters read_gguf_qwen2(const format::Gguf& file) {
  Hyperparameters of = read_gguf_sizes(file, "qwen2");
  of.attention_bias = true;
  return of;
}

Hyperparameters read_gguf_qwen3(const format::Gguf& file) {
  Hyperparameters of = read_gguf_sizes(file, "qwen3");
  read_gguf_biases(file, of);
  return of;
}

}  // namespace

Family qwen2_family() {
  Family family = llama_family();
  family.name = "qwen2";
  family.hf_types = {{"qwen2", "Qwen2ForCausalLM"}};
  family.gguf_architectures = {"qwen2"};
  family.read_hf = read_hf_qwen2;
  family.read_gguf = read_gguf_qwen2;
  family.from_gguf = nullptr;
  return family;
}

Family qwen3_family() {
  Family family = qwen2_family();
  family.name = "qwen3";
  family.hf_types = {{"qwen3", "Qwen3ForCausalLM"}};
  family.gguf_architectures = {"qwen3"};
  family.read_hf = read_hf_qwen3;
  family.read_gguf = read_gguf_qwen3;
  family.head_norms = HeadNorms::each;
  family.layer_names.push_back({"self_attn.q_norm", "attn_q_norm"});
  family.layer_names.push_back({"self_attn.k_norm", "attn_k_norm"});
  return family;
}

}  // namespace matlora::model
