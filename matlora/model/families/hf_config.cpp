// Key names: transformers' LlamaConfig.
#include "matlora/base/error.h"
#include "matlora/model/families/configs.h"

namespace matlora::model {
namespace {

/// The object that describes rope: transformers 5 calls it rope_parameters, 4 rope_scaling.
void read_hf_rope(const JsonObject& json, Hyperparameters& of) {
  of.ropes[0].theta = json.number_or("rope_theta", 10000);
  const bool newer = json.find("rope_parameters") != nullptr;
  if (!newer && !json.find("rope_scaling")) return;
  const JsonObject rope = json.object(newer ? "rope_parameters" : "rope_scaling");
  of.ropes[0].theta = rope.number_or("rope_theta", of.ropes[0].theta);
  if (rope.number_or("partial_rotary_factor", 1) != 1) {
    fail(json.where(), "'partial_rotary_factor': partial rotary embeddings are not supported");
  }
  const std::string type = rope.string_or("rope_type", rope.string_or("type", "default"));
  RopeScaling& scaling = of.ropes[0].scaling;
  if (type == "default") return;
  if (type != "linear" && type != "llama3") {
    fail(json.where(), "'rope_type': expected default, linear or llama3, got '", printable(type),
         "'");
  }
  scaling.factor = rope.number("factor");
  scaling.kind = RopeScaling::Kind::linear;
  if (type == "linear") return;
  scaling.kind = RopeScaling::Kind::llama3;
  scaling.low_freq_factor = rope.number("low_freq_factor");
  scaling.high_freq_factor = rope.number("high_freq_factor");
  scaling.original_max_position_embeddings =
      rope.integer("original_max_position_embeddings", 1, kMaxPositions);
}

}  // namespace

void expect_activation(const JsonObject& config, const std::string& expected) {
  const std::string activation = config.string_or("hidden_act", expected);
  if (activation != expected) {
    fail(config.where(), "'hidden_act': expected ", expected, ", got '", printable(activation),
         "'");
  }
}

Hyperparameters read_hf_sizes(const JsonObject& config) {
  Hyperparameters of;
  of.vocab_size = config.integer("vocab_size", 1, kMaxSize);
  of.hidden_size = config.integer("hidden_size", 1, kMaxSize);
  of.intermediate_size = config.integer("intermediate_size", 1, kMaxSize);
  of.num_layers = config.integer("num_hidden_layers", 1, kMaxSize);
  of.num_heads = config.integer("num_attention_heads", 1, kMaxSize);
  of.num_kv_heads = config.integer_or("num_key_value_heads", of.num_heads, 1, kMaxSize);
  of.head_dim = config.find("head_dim") ? config.integer("head_dim", 1, kMaxSize)
                                        : default_head_dim(of, config.where());
  of.max_position_embeddings = config.integer_or("max_position_embeddings", 2048, 1, kMaxPositions);
  of.rms_norm_eps = config.number_or("rms_norm_eps", 1e-6);
  of.tie_word_embeddings = config.boolean_or("tie_word_embeddings", false);
  read_hf_rope(config, of);
  return of;
}

}  // namespace matlora::model
