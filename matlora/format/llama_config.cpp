// Key names: transformers' LlamaConfig; ggml's docs/gguf.md, "LLaMA".
#include "matlora/format/llama_config.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/json.h"

namespace matlora::format {
namespace {

constexpr int64_t kMaxSize = int64_t{1} << 24;  // of any dimension, layer count or token id
constexpr int64_t kMaxHeadDim = int64_t{1} << 16;
constexpr int64_t kMaxPositions = int64_t{1} << 32;

void check_positive(double value, const std::string& where, const char* key) {
  if (!(value > 0)) fail(where, "'", key, "': expected a positive number, got ", value);
}

/// What has to hold wherever the figures came from.
void validate(const LlamaConfig& config, const std::string& where) {
  if (config.num_heads % config.num_kv_heads != 0) {
    fail(where, "the number of attention heads (", config.num_heads,
         ") is not a multiple of that of key/value heads (", config.num_kv_heads, ")");
  }
  if (config.head_dim % 2 != 0)
    fail(where, "head_dim: expected an even number, got ", config.head_dim);
  if (config.head_dim > kMaxHeadDim) {  // a table of this size is made before any weight is read
    fail(where, "head_dim: expected at most ", kMaxHeadDim, ", got ", config.head_dim);
  }
  check_positive(config.rms_norm_eps, where, "rms_norm_eps");
  check_positive(config.rope_theta, where, "rope_theta");
  const RopeScaling& scaling = config.rope_scaling;
  check_positive(scaling.factor, where, "rope scaling factor");
  if (scaling.kind != RopeScaling::Kind::llama3) return;
  check_positive(scaling.low_freq_factor, where, "low_freq_factor");
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    fail(where, "'high_freq_factor': expected more than low_freq_factor (", scaling.low_freq_factor,
         "), got ", scaling.high_freq_factor);
  }
}

/// hidden_size / num_heads, for files that do not say head_dim.
int64_t default_head_dim(const LlamaConfig& config, const std::string& where) {
  if (config.hidden_size % config.num_heads != 0) {
    fail(where, "hidden_size (", config.hidden_size, ") is not a multiple of the number of heads (",
         config.num_heads, "), and head_dim is not given");
  }
  return config.hidden_size / config.num_heads;
}

/// Refuses what is not a plain Llama.
void check_hf_kind(const JsonObject& json) {
  const std::string type = json.string("model_type");
  if (type != "llama") {
    fail(json.where(), "'model_type': expected llama, got '", printable(type), "'");
  }
  if (json.find("architectures")) {
    const std::vector<std::string> names = json.strings("architectures");
    if (std::find(names.begin(), names.end(), "LlamaForCausalLM") == names.end()) {
      fail(json.where(), "'architectures': expected LlamaForCausalLM, got '",
           names.empty() ? "" : printable(names[0]), "'");
    }
  }
  const std::string activation = json.string_or("hidden_act", "silu");
  if (activation != "silu") {
    fail(json.where(), "'hidden_act': expected silu, got '", printable(activation), "'");
  }
  if (json.find("quantization_config")) {
    fail(json.where(), "'quantization_config': quantized checkpoints are not supported; use the ",
         "unquantized model or a GGUF file");
  }
  json.integer_or("pretraining_tp", 1, 1, 1);
}

/// The object that describes rope: transformers 5 calls it rope_parameters, 4 rope_scaling.
void read_hf_rope(const JsonObject& json, LlamaConfig& config) {
  config.rope_theta = json.number_or("rope_theta", 10000);
  const bool newer = json.find("rope_parameters") != nullptr;
  if (!newer && !json.find("rope_scaling")) return;
  const JsonObject rope = json.object(newer ? "rope_parameters" : "rope_scaling");
  config.rope_theta = rope.number_or("rope_theta", config.rope_theta);
  if (rope.number_or("partial_rotary_factor", 1) != 1) {
    fail(json.where(), "'partial_rotary_factor': partial rotary embeddings are not supported");
  }
  const std::string type = rope.string_or("rope_type", rope.string_or("type", "default"));
  RopeScaling& scaling = config.rope_scaling;
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

/// A number or a list of numbers; empty when absent.
std::vector<int64_t> read_token_ids(const JsonObject& json, const std::string& key) {
  const Json* value = json.find(key);
  if (!value) return {};
  if (value->is_array()) return json.integers(key, 0, kMaxSize);
  return {json.integer(key, 0, kMaxSize)};
}

void read_hf_tokens(const JsonObject& json, const std::filesystem::path& directory,
                    LlamaConfig& config) {
  config.eos_token_ids = read_token_ids(json, "eos_token_id");
  if (json.find("bos_token_id")) config.bos_token_id = json.integer("bos_token_id", 0, kMaxSize);
  const std::filesystem::path path = directory / "generation_config.json";
  if (!is_there(path)) return;
  const Json value = read_json(path);
  const auto ids = read_token_ids(JsonObject(value, path.string()), "eos_token_id");
  if (!ids.empty()) config.eos_token_ids = ids;
}

/// Linear scaling, if any; `scale_linear` is the key of files from 2023.
RopeScaling read_gguf_scaling(const Gguf& file, const std::string& where) {
  RopeScaling scaling;
  const std::string type = file.string_or("llama.rope.scaling.type", "none");
  if (type == "linear") {
    scaling.factor = file.number("llama.rope.scaling.factor");
  } else if (type != "none") {
    fail(where, "'llama.rope.scaling.type': expected none or linear, got '", printable(type), "'");
  } else {
    scaling.factor = file.number_or("llama.rope.scale_linear", 1);
  }
  if (scaling.factor != 1) scaling.kind = RopeScaling::Kind::linear;
  return scaling;
}

void read_gguf_heads(const Gguf& file, const std::string& where, LlamaConfig& config) {
  config.num_heads = file.integer("llama.attention.head_count", 1, kMaxSize);
  config.num_kv_heads =
      file.integer_or("llama.attention.head_count_kv", config.num_heads, 1, kMaxSize);
  config.head_dim = file.has("llama.attention.key_length")
                        ? file.integer("llama.attention.key_length", 1, kMaxSize)
                        : default_head_dim(config, where);
  const auto expect_head_dim = [&](const char* key, const char* hint) {
    const int64_t got = file.integer_or(key, config.head_dim, 0, kMaxSize);
    if (got != config.head_dim) {
      fail(where, "'", key, "': expected ", config.head_dim, " (the size of a head), got ", got,
           "; ", hint);
    }
  };
  expect_head_dim("llama.attention.value_length", "values of another size are not supported");
  expect_head_dim("llama.rope.dimension_count", "partial rotary embeddings are not supported");
}

/// Whether a layer has one of the tensors: then all layers are expected to have them all.
bool any_layer_has(const Gguf& file, std::initializer_list<std::string_view> names) {
  return std::any_of(file.tensors().begin(), file.tensors().end(), [&](const GgufTensor& tensor) {
    return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
      return tensor.name.starts_with("blk.") && tensor.name.ends_with(cat(".", name));
    });
  });
}

void read_gguf_tokens(const Gguf& file, LlamaConfig& config) {
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    if (!file.has(key)) continue;
    const int64_t id = file.integer(key, 0, kMaxSize);
    auto& ids = config.eos_token_ids;
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  const char* bos = "tokenizer.ggml.bos_token_id";
  if (file.has(bos)) config.bos_token_id = file.integer(bos, 0, kMaxSize);
}

}  // namespace

LlamaConfig read_hf_config(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "config.json";
  const Json value = read_json(path);
  const JsonObject json(value, path.string());
  check_hf_kind(json);
  LlamaConfig config;
  config.vocab_size = json.integer("vocab_size", 1, kMaxSize);
  config.hidden_size = json.integer("hidden_size", 1, kMaxSize);
  config.intermediate_size = json.integer("intermediate_size", 1, kMaxSize);
  config.num_layers = json.integer("num_hidden_layers", 1, kMaxSize);
  config.num_heads = json.integer("num_attention_heads", 1, kMaxSize);
  config.num_kv_heads = json.integer_or("num_key_value_heads", config.num_heads, 1, kMaxSize);
  config.head_dim = json.find("head_dim") ? json.integer("head_dim", 1, kMaxSize)
                                          : default_head_dim(config, path.string());
  // What is absent takes transformers' default.
  config.max_position_embeddings =
      json.integer_or("max_position_embeddings", 2048, 1, kMaxPositions);
  config.rms_norm_eps = json.number_or("rms_norm_eps", 1e-6);
  config.tie_word_embeddings = json.boolean_or("tie_word_embeddings", false);
  config.attention_bias = json.boolean_or("attention_bias", false);
  config.attention_output_bias = config.attention_bias;
  config.mlp_bias = json.boolean_or("mlp_bias", false);
  read_hf_rope(json, config);
  read_hf_tokens(json, directory, config);
  validate(config, path.string());
  return config;
}

LlamaConfig read_gguf_config(const Gguf& file) {
  const std::string where = file.file()->path().string();
  const std::string architecture = file.string("general.architecture");
  if (architecture != "llama") {
    fail(where, "'general.architecture': expected llama, got '", printable(architecture), "'");
  }
  if (file.integer_or("llama.expert_count", 0, 0, kMaxSize) != 0) {
    fail(where, "'llama.expert_count': mixtures of experts are not supported");
  }
  LlamaConfig config;
  config.vocab_size = file.has("llama.vocab_size")
                          ? file.integer("llama.vocab_size", 1, kMaxSize)
                          : static_cast<int64_t>(file.strings("tokenizer.ggml.tokens").size());
  config.hidden_size = file.integer("llama.embedding_length", 1, kMaxSize);
  config.intermediate_size = file.integer("llama.feed_forward_length", 1, kMaxSize);
  config.num_layers = file.integer("llama.block_count", 1, kMaxSize);
  config.max_position_embeddings = file.integer("llama.context_length", 1, kMaxPositions);
  config.rms_norm_eps = file.number("llama.attention.layer_norm_rms_epsilon");
  config.rope_theta = file.number_or("llama.rope.freq_base", 10000);
  config.rope_scaling = read_gguf_scaling(file, where);
  config.tie_word_embeddings = file.find("output.weight") == nullptr;
  config.attention_bias = any_layer_has(file, {"attn_q.bias", "attn_k.bias", "attn_v.bias"});
  config.attention_output_bias = any_layer_has(file, {"attn_output.bias"});
  config.mlp_bias = any_layer_has(file, {"ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"});
  read_gguf_heads(file, where, config);
  read_gguf_tokens(file, config);
  validate(config, where);
  return config;
}

}  // namespace matlora::format
