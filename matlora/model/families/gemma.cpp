// Gemma 2 and the language model of Gemma 3: norms before and behind attention and feed-forward,
// each with 1 + w (HF directories store w, GGUF 1 + w), embeddings times √C, windows in most
// layers. Gemma 2: soft caps. Gemma 3: norms of each head's queries and keys, a rope for each kind
// of layer. Keys: transformers' Gemma2Config and Gemma3TextConfig.
#include <cmath>

#include "matlora/base/error.h"
#include "matlora/model/families/configs.h"
#include "matlora/model/families/family.h"

namespace matlora::model {
namespace {

/// What both have in config.json.
void read_hf_common(const JsonObject& config, Hyperparameters& of) {
  expect_activation(config, "gelu_pytorch_tanh", "hidden_activation");
  if (config.boolean_or("use_bidirectional_attention", false)) {
    fail(config.where(), "'use_bidirectional_attention': only causal attention is supported");
  }
  of.activation = nn::Activation::gelu_tanh;
  of.norm_offset = 1;
  of.embedding_scale = std::sqrt(static_cast<double>(of.hidden_size));
  of.attention_scale = 1 / std::sqrt(config.number_or("query_pre_attn_scalar", 256));
  of.attention_bias = of.attention_output_bias = config.boolean_or("attention_bias", false);
}

constexpr HfDefaults kDefaults2 = {.num_kv_heads = 4,
                                   .head_dim = 256,
                                   .max_position_embeddings = 8192,
                                   .tie_word_embeddings = true};

Hyperparameters read_hf_gemma2(const JsonObject& config) {
  Hyperparameters of = read_hf_sizes(config, kDefaults2);
  read_hf_common(config, of);
  of.attention_soft_cap = read_optional_number(config, "attn_logit_softcapping", 50);
  of.logit_soft_cap = read_optional_number(config, "final_logit_softcapping", 30);
  const auto usual = [](int64_t i) { return i % 2 == 0; };
  set_sliding(read_sliding_layers(config, of.num_layers, usual), read_window(config, 4096),
              /*rope=*/0, of);
  return of;
}

constexpr HfDefaults kDefaults3 = {.vocab_size = 262208,
                                   .hidden_size = 2304,
                                   .intermediate_size = 9216,
                                   .num_layers = 26,
                                   .num_heads = 8,
                                   .num_kv_heads = 4,
                                   .head_dim = 256,
                                   .max_position_embeddings = 131072,
                                   .tie_word_embeddings = true,
                                   .rope_theta = 1000000};

Hyperparameters read_hf_text(const JsonObject& config) {
  Hyperparameters of =
      read_hf_sizes_of_two_ropes(config, kDefaults3, "rope_local_base_freq", 10000);
  read_hf_common(config, of);
  of.logit_soft_cap = read_optional_number(config, "final_logit_softcapping", 0);
  const int64_t every = config.integer_or("sliding_window_pattern", 6, 1, kMaxSize);
  const auto usual = [&](int64_t i) { return (i + 1) % every != 0; };
  set_sliding(read_sliding_layers(config, of.num_layers, usual), read_window(config, 4096),
              /*rope=*/1, of);
  return of;
}

Hyperparameters read_hf_gemma3(const JsonObject& config) {
  if (config.string("model_type") != "gemma3") return read_hf_text(config);
  Hyperparameters of = read_hf_text(config.object("text_config"));
  of.left_out = "vision_tower, multi_modal_projector";
  return of;
}

/// What both have in GGUF metadata. Of query_pre_attn_scalar the file says nothing: it is head_dim
/// but for the largest model, which llama.cpp knows by its number of layers.
Hyperparameters read_gguf_common(const format::Gguf& file, const std::string& prefix,
                                 int64_t largest) {
  Hyperparameters of = read_gguf_sizes(file, prefix);
  read_gguf_biases(file, of);
  of.activation = nn::Activation::gelu_tanh;
  of.embedding_scale = std::sqrt(static_cast<double>(of.hidden_size));
  if (of.num_layers == largest) {
    of.attention_scale = 1 / std::sqrt(static_cast<double>(of.hidden_size / of.num_heads));
  }
  return of;
}

Hyperparameters read_gguf_gemma2(const format::Gguf& file) {
  Hyperparameters of = read_gguf_common(file, "gemma2", 46);
  of.attention_soft_cap = file.number_or("gemma2.attn_logit_softcapping", 50);
  of.logit_soft_cap = file.number_or("gemma2.final_logit_softcapping", 30);
  set_sliding(read_gguf_sliding_layers(file, "gemma2", of.num_layers, 2),
              file.integer_or("gemma2.attention.sliding_window", 4096, 1, kMaxPositions),
              /*rope=*/0, of);
  return of;
}

Hyperparameters read_gguf_gemma3(const format::Gguf& file) {
  Hyperparameters of = read_gguf_common(file, "gemma3", 62);
  of.logit_soft_cap = file.number_or("gemma3.final_logit_softcapping", 0);
  of.ropes[0].theta = file.number_or("gemma3.rope.freq_base", 1000000);
  of.ropes.push_back({.theta = file.number_or("gemma3.rope.freq_base_swa", 10000)});
  const int64_t window = file.integer_or("gemma3.attention.sliding_window", 0, 0, kMaxPositions);
  if (window == 0) return of;
  set_sliding(read_gguf_sliding_layers(file, "gemma3", of.num_layers, 6), window, /*rope=*/1, of);
  return of;
}

}  // namespace

Family gemma2_family() {
  Family family = llama_family();
  family.name = "gemma2";
  family.hf_types = {{"gemma2", "Gemma2ForCausalLM"}};
  family.gguf_architectures = {"gemma2"};
  family.read_hf = read_hf_gemma2;
  family.read_gguf = read_gguf_gemma2;
  family.layer_names = with_projections({{"input_layernorm", "attn_norm"},
                                         {"post_attention_layernorm", "post_attention_norm"},
                                         {"pre_feedforward_layernorm", "ffn_norm"},
                                         {"post_feedforward_layernorm", "post_ffw_norm"}});
  family.from_gguf = nullptr;
  family.norms = {.attention = "input_layernorm",
                  .attention_output = "post_attention_layernorm",
                  .feed_forward = "pre_feedforward_layernorm",
                  .feed_forward_output = "post_feedforward_layernorm"};
  return family;
}

Family gemma3_family() {
  Family family = gemma2_family();
  family.name = "gemma3";
  family.hf_types = {{"gemma3_text", "Gemma3ForCausalLM"},
                     {"gemma3", "Gemma3ForConditionalGeneration"}};
  family.gguf_architectures = {"gemma3"};
  family.read_hf = read_hf_gemma3;
  family.read_gguf = read_gguf_gemma3;
  family.head_norms = HeadNorms::each;
  family.layer_names.push_back({"self_attn.q_norm", "attn_q_norm"});
  family.layer_names.push_back({"self_attn.k_norm", "attn_k_norm"});
  return family;
}

}  // namespace matlora::model
