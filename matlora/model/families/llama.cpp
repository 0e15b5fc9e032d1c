// Llama 2, 3, 3.x and what shares their architecture (SmolLM2). Keys: transformers' LlamaConfig;
// ggml's docs/gguf.md, "LLaMA".
#include "matlora/model/families/configs.h"
#include "matlora/model/families/family.h"

namespace matlora::model {
namespace {

Hyperparameters read_hf(const JsonObject& config) {
  expect_activation(config, "silu");
  config.integer_or("pretraining_tp", 1, 1, 1);
  Hyperparameters of = read_hf_sizes(config);
  read_hf_biases(config, of);
  return of;
}

Hyperparameters read_gguf(const format::Gguf& file) {
  Hyperparameters of = read_gguf_sizes(file, "llama");
  read_gguf_biases(file, of);
  // Mistral is a llama to GGUF. A file without the key attends to everything, as in llama.cpp.
  const char* window = "llama.attention.sliding_window";
  if (file.integer_or(window, 0, 0, kMaxPositions) > 0) {
    of.kinds.assign(static_cast<size_t>(of.num_layers), {file.integer(window, 1, kMaxPositions)});
  }
  return of;
}

}  // namespace

Family llama_family() {
  return {.name = "llama",
          .hf_types = {{"llama", "LlamaForCausalLM"}},
          .gguf_architectures = {"llama"},
          .read_hf = read_hf,
          .read_gguf = read_gguf,
          .model_names = {{"model.embed_tokens", "token_embd"},
                          {"model.norm", "output_norm"},
                          {"lm_head", "output"}},
          .layer_names = with_projections(
              {{"input_layernorm", "attn_norm"}, {"post_attention_layernorm", "ffn_norm"}}),
          .from_gguf = unpermute_q_and_k};
}

}  // namespace matlora::model
