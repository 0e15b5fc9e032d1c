// Phi-3, Phi-3.5 and Phi-4-mini: one projection for q, k and v and one for gate and up, longrope,
// in Phi-4-mini only of a part of each head. Keys: transformers' Phi3Config.
#include <cmath>

#include "matlora/model/families/configs.h"
#include "matlora/model/families/family.h"

namespace matlora::model {
namespace {

Hyperparameters read_hf(const JsonObject& config) {
  expect_activation(config, "silu");
  Json json = config.value();
  for (const char* key : {"rope_scaling", "rope_parameters"}) {  // as transformers reads old files
    if (!json.contains(key) || !json[key].is_object()) continue;
    for (const char* kind : {"type", "rope_type"}) {
      Json& rope = json[key];
      if (rope.contains(kind) && rope[kind] == "yarn") rope[kind] = "longrope";
    }
  }
  Hyperparameters of = read_hf_sizes(
      JsonObject(json, config.where()),
      {.max_position_embeddings = 4096, .rms_norm_eps = 1e-5, .partial_rotary = true});
  if (const int64_t window = read_window(config, 0); window > 0) {
    of.kinds.assign(static_cast<size_t>(of.num_layers), {.window = window});
  }
  return of;
}

Hyperparameters read_gguf(const format::Gguf& file) {
  Hyperparameters of = read_gguf_sizes(file, "phi3", /*partial_rotary=*/true);
  if (const int64_t window = file.integer_or("phi3.attention.sliding_window", 0, 0, kMaxPositions);
      window > 0) {
    of.kinds.assign(static_cast<size_t>(of.num_layers), {.window = window});
  }
  if (!file.find("rope_factors_long.weight")) return of;
  RopeScaling& scaling = of.ropes[0].scaling;
  scaling.kind = RopeScaling::Kind::longrope;
  scaling.original_max_position_embeddings =
      file.integer("phi3.rope.scaling.original_context_length", 1, kMaxPositions);
  const double original = static_cast<double>(scaling.original_max_position_embeddings);
  const double usual =
      longrope_attention_factor(static_cast<double>(of.max_position_embeddings) / original,
                                scaling.original_max_position_embeddings);
  scaling.attention_factor = file.number_or("phi3.rope.scaling.attn_factor", usual);
  scaling.short_factors = read_gguf_numbers(file, "rope_factors_short.weight");
  scaling.long_factors = read_gguf_numbers(file, "rope_factors_long.weight");
  return of;
}

}  // namespace

Family phi3_family() {
  Family family = llama_family();
  family.name = "phi3";
  family.hf_types = {{"phi3", "Phi3ForCausalLM"}};
  family.gguf_architectures = {"phi3"};
  family.read_hf = read_hf;
  family.read_gguf = read_gguf;
  family.layer_names = {
      {"input_layernorm", "attn_norm"},   {"post_attention_layernorm", "ffn_norm"},
      {"self_attn.qkv_proj", "attn_qkv"}, {"self_attn.o_proj", "attn_output"},
      {"mlp.gate_up_proj", "ffn_up"},     {"mlp.down_proj", "ffn_down"}};
  family.from_gguf = nullptr;
  family.fused = true;
  return family;
}

}  // namespace matlora::model
