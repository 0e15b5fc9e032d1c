// OLMo 2: norms behind attention and feed-forward, none before; norms of all queries and all keys.
// OLMo 3: besides, windows in three of four layers, whose rope is never scaled. GGUF has both as
// olmo2. Keys: transformers' Olmo2Config and Olmo3Config.
#include "matlora/model/families/configs.h"
#include "matlora/model/families/family.h"

namespace matlora::model {
namespace {

Hyperparameters read_hf_olmo2(const JsonObject& config) {
  expect_activation(config, "silu");
  Hyperparameters of = read_hf_sizes(config, {.rms_norm_eps = 1e-5});
  of.attention_bias = of.attention_output_bias = config.boolean_or("attention_bias", false);
  return of;
}

Hyperparameters read_hf_olmo3(const JsonObject& config) {
  expect_activation(config, "silu");
  Hyperparameters of = read_hf_sizes_of_two_ropes(
      config, {.rms_norm_eps = 1e-5, .rope_theta = 500000}, "rope_theta", 500000);
  of.attention_bias = of.attention_output_bias = config.boolean_or("attention_bias", false);
  const auto usual = [](int64_t i) { return (i + 1) % 4 != 0; };
  set_sliding(read_sliding_layers(config, of.num_layers, usual), read_window(config, 4096),
              /*rope=*/1, of);
  return of;
}

Hyperparameters read_gguf(const format::Gguf& file) {
  Hyperparameters of = read_gguf_sizes(file, "olmo2");
  read_gguf_biases(file, of);
  const char* window = "olmo2.attention.sliding_window";
  if (!file.has(window)) return of;
  of.ropes.push_back({.theta = of.ropes[0].theta});
  set_sliding(read_gguf_sliding_layers(file, "olmo2", of.num_layers, 4),
              file.integer(window, 1, kMaxPositions), /*rope=*/1, of);
  return of;
}

}  // namespace

Family olmo2_family() {
  Family family = llama_family();
  family.name = "olmo2";
  family.hf_types = {{"olmo2", "Olmo2ForCausalLM"}};
  family.gguf_architectures = {"olmo2"};
  family.read_hf = read_hf_olmo2;
  family.read_gguf = read_gguf;
  family.layer_names = with_projections({{"post_attention_layernorm", "post_attention_norm"},
                                         {"post_feedforward_layernorm", "post_ffw_norm"},
                                         {"self_attn.q_norm", "attn_q_norm"},
                                         {"self_attn.k_norm", "attn_k_norm"}});
  family.from_gguf = nullptr;
  family.norms = {.attention = nullptr,
                  .attention_output = "post_attention_layernorm",
                  .feed_forward = nullptr,
                  .feed_forward_output = "post_feedforward_layernorm"};
  family.head_norms = HeadNorms::all;
  return family;
}

Family olmo3_family() {
  Family family = olmo2_family();
  family.name = "olmo3";
  family.hf_types = {{"olmo3", "Olmo3ForCausalLM"}};
  family.gguf_architectures = {};
  family.gguf_written = "olmo2";
  family.read_hf = read_hf_olmo3;
  return family;
}

}  // namespace matlora::model
