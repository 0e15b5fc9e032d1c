// Key names: ggml's docs/gguf.md.
#include <ATen/ATen.h>

#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/model/families/configs.h"
#include "matlora/model/tensors.h"

namespace matlora::model {
namespace {

void read_gguf_yarn(const format::Gguf& file, const std::string& prefix, RopeScaling& scaling) {
  const std::string start = prefix + ".rope.scaling.";
  scaling.kind = RopeScaling::Kind::yarn;
  scaling.factor = file.number(start + "factor");
  scaling.original_max_position_embeddings =
      file.integer(start + "original_context_length", 1, kMaxPositions);
  scaling.attention_factor =
      file.number_or(start + "attn_factor", 1) * yarn_attention_factor(scaling.factor);
  scaling.beta_fast = file.number_or(start + "yarn_beta_fast", 32);
  scaling.beta_slow = file.number_or(start + "yarn_beta_slow", 1);
}

/// Linear and yarn scaling, if any; `scale_linear` is the key of files from 2023.
RopeScaling read_gguf_scaling(const format::Gguf& file, const std::string& prefix,
                              const std::string& where) {
  RopeScaling scaling;
  const std::string type = file.string_or(prefix + ".rope.scaling.type", "none");
  if (type == "yarn") {
    read_gguf_yarn(file, prefix, scaling);
    return scaling;
  }
  if (type == "linear") {
    scaling.factor = file.number(prefix + ".rope.scaling.factor");
  } else if (type != "none") {
    fail(where, "'", prefix, ".rope.scaling.type': expected none, linear or yarn, got '",
         printable(type), "'");
  } else {
    scaling.factor = file.number_or(prefix + ".rope.scale_linear", 1);
  }
  if (scaling.factor != 1) scaling.kind = RopeScaling::Kind::linear;
  return scaling;
}

void read_gguf_heads(const format::Gguf& file, const std::string& prefix, const std::string& where,
                     bool partial_rotary, Hyperparameters& of) {
  of.num_heads = file.integer(prefix + ".attention.head_count", 1, kMaxSize);
  of.num_kv_heads = file.integer_or(prefix + ".attention.head_count_kv", of.num_heads, 1, kMaxSize);
  of.head_dim = file.has(prefix + ".attention.key_length")
                    ? file.integer(prefix + ".attention.key_length", 1, kMaxSize)
                    : default_head_dim(of, where);
  const auto expect_head_dim = [&](const std::string& key, const char* hint) {
    const int64_t got = file.integer_or(key, of.head_dim, 0, kMaxSize);
    if (got != of.head_dim) {
      fail(where, "'", key, "': expected ", of.head_dim, " (the size of a head), got ", got, "; ",
           hint);
    }
  };
  expect_head_dim(prefix + ".attention.value_length", "values of another size are not supported");
  const std::string rotary = prefix + ".rope.dimension_count";
  if (!partial_rotary) {
    expect_head_dim(rotary, "partial rotary embeddings are not supported");
  } else if (file.has(rotary)) {
    of.ropes[0].dims = file.integer(rotary, 1, kMaxSize);
  }
}

/// Whether a layer has one of the tensors: then all layers are expected to have them all.
bool any_layer_has(const format::Gguf& file, std::initializer_list<std::string_view> names) {
  return std::any_of(
      file.tensors().begin(), file.tensors().end(), [&](const format::GgufTensor& tensor) {
        return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
          return tensor.name.starts_with("blk.") && tensor.name.ends_with(cat(".", name));
        });
      });
}

}  // namespace

void read_gguf_biases(const format::Gguf& file, Hyperparameters& of) {
  of.attention_bias =
      any_layer_has(file, {"attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_qkv.bias"});
  of.attention_output_bias = any_layer_has(file, {"attn_output.bias"});
  of.mlp_bias = any_layer_has(file, {"ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"});
}

std::vector<bool> read_gguf_sliding_layers(const format::Gguf& file, const std::string& prefix,
                                           int64_t layers, int64_t every) {
  const std::string key = prefix + ".attention.sliding_window_pattern";
  const auto found = file.metadata().find(key);
  std::vector<bool> sliding;
  if (found != file.metadata().end()) {
    const auto* flags = std::get_if<std::vector<bool>>(&found->second);
    if (flags) sliding = *flags;
    if (std::holds_alternative<std::vector<int64_t>>(found->second)) {
      for (const int64_t flag : file.integers(key)) sliding.push_back(flag != 0);
    }
    if (sliding.empty()) every = file.integer(key, 1, kMaxSize);
  }
  if (sliding.empty()) {
    for (int64_t i = 0; i < layers; ++i) sliding.push_back((i + 1) % every != 0);
  }
  if (static_cast<int64_t>(sliding.size()) < layers) {
    fail(file.file()->path().string(), "'", key, "': expected ", layers, " (block_count), got ",
         sliding.size());
  }
  sliding.resize(static_cast<size_t>(layers));
  return sliding;
}

std::vector<double> read_gguf_numbers(const format::Gguf& file, const std::string& name) {
  const std::string where = file.file()->path().string();
  const format::GgufTensor* tensor = file.find(name);
  if (!tensor) fail(where, "tensor '", name, "' is missing");
  if (tensor->type != format::GgmlType::f32 || tensor->shape.size() != 1) {
    fail(where, name, ": expected float32 numbers of one dimension");
  }
  const at::Tensor values =
      wrap({name, format::DType::f32, tensor->shape, tensor->bytes}, tensor->file);
  const float* first = values.const_data_ptr<float>();
  return {first, first + values.numel()};
}

Hyperparameters read_gguf_sizes(const format::Gguf& file, const std::string& prefix,
                                bool partial_rotary) {
  const std::string where = file.file()->path().string();
  if (file.integer_or(prefix + ".expert_count", 0, 0, kMaxSize) != 0) {
    fail(where, "'", prefix, ".expert_count': mixtures of experts are not supported");
  }
  Hyperparameters of;
  of.vocab_size = file.has(prefix + ".vocab_size")
                      ? file.integer(prefix + ".vocab_size", 1, kMaxSize)
                      : static_cast<int64_t>(file.strings("tokenizer.ggml.tokens").size());
  of.hidden_size = file.integer(prefix + ".embedding_length", 1, kMaxSize);
  of.intermediate_size = file.integer(prefix + ".feed_forward_length", 1, kMaxSize);
  of.num_layers = file.integer(prefix + ".block_count", 1, kMaxSize);
  of.max_position_embeddings = file.integer(prefix + ".context_length", 1, kMaxPositions);
  of.rms_norm_eps = file.number(prefix + ".attention.layer_norm_rms_epsilon");
  of.ropes[0].theta = file.number_or(prefix + ".rope.freq_base", 10000);
  of.ropes[0].scaling = read_gguf_scaling(file, prefix, where);
  of.tie_word_embeddings = file.find("output.weight") == nullptr;
  read_gguf_heads(file, prefix, where, partial_rotary, of);
  return of;
}

std::vector<ModuleName> with_projections(std::vector<ModuleName> norms) {
  for (const ModuleName& projection : {ModuleName{"self_attn.q_proj", "attn_q"},
                                       {"self_attn.k_proj", "attn_k"},
                                       {"self_attn.v_proj", "attn_v"},
                                       {"self_attn.o_proj", "attn_output"},
                                       {"mlp.gate_proj", "ffn_gate"},
                                       {"mlp.up_proj", "ffn_up"},
                                       {"mlp.down_proj", "ffn_down"}}) {
    norms.push_back(projection);
  }
  return norms;
}

at::Tensor unpermute_q_and_k(const std::string& name, const at::Tensor& value,
                             const Hyperparameters& of) {
  const bool is_q = name.find("q_proj") != std::string::npos;
  if (!is_q && name.find("k_proj") == std::string::npos) return value;
  const int64_t heads = is_q ? of.num_heads : of.num_kv_heads;
  const int64_t half = value.size(0) / heads / 2;
  std::vector<int64_t> split{heads, half, 2};
  split.insert(split.end(), value.sizes().begin() + 1, value.sizes().end());
  return value.view(split).transpose(1, 2).reshape(value.sizes());
}

}  // namespace matlora::model
