#include "matlora/model/families/tensor_list.h"

#include <ATen/ATen.h>

namespace matlora::model {
namespace {

class List {
 public:
  explicit List(const Configuration& model) : family_(*model.family), of_(model.of) {}

  std::vector<TensorShape> all() {
    add("model.embed_tokens.weight", {of_.vocab_size, of_.hidden_size});
    for (int64_t i = 0; i < of_.num_layers; ++i) add_layer(cat("model.layers.", i, "."));
    add("model.norm.weight", {of_.hidden_size});
    if (!of_.tie_word_embeddings) add("lm_head.weight", {of_.vocab_size, of_.hidden_size});
    return std::move(tensors_);
  }

 private:
  void add(const std::string& name, std::vector<int64_t> shape) {
    tensors_.push_back({name, std::move(shape)});
  }

  void add_linear(const std::string& name, int64_t out, int64_t in, bool bias) {
    add(name + ".weight", {out, in});
    if (bias) add(name + ".bias", {out});
  }

  void add_layer(const std::string& prefix) {
    const int64_t width = of_.hidden_size, inner = of_.intermediate_size;
    const int64_t queries = of_.num_heads * of_.head_dim, keys = of_.num_kv_heads * of_.head_dim;
    for (const char* norm : {family_.norms.attention, family_.norms.attention_output,
                             family_.norms.feed_forward, family_.norms.feed_forward_output}) {
      if (norm != nullptr) add(cat(prefix, norm, ".weight"), {width});
    }
    if (family_.head_norms != HeadNorms::none) {
      const bool each = family_.head_norms == HeadNorms::each;
      add(prefix + "self_attn.q_norm.weight", {each ? of_.head_dim : queries});
      add(prefix + "self_attn.k_norm.weight", {each ? of_.head_dim : keys});
    }
    if (family_.fused) {
      add_linear(prefix + "self_attn.qkv_proj", queries + 2 * keys, width, of_.attention_bias);
      add_linear(prefix + "mlp.gate_up_proj", 2 * inner, width, of_.mlp_bias);
    } else {
      add_linear(prefix + "self_attn.q_proj", queries, width, of_.attention_bias);
      add_linear(prefix + "self_attn.k_proj", keys, width, of_.attention_bias);
      add_linear(prefix + "self_attn.v_proj", keys, width, of_.attention_bias);
      add_linear(prefix + "mlp.gate_proj", inner, width, of_.mlp_bias);
      add_linear(prefix + "mlp.up_proj", inner, width, of_.mlp_bias);
    }
    add_linear(prefix + "self_attn.o_proj", width, queries, of_.attention_output_bias);
    add_linear(prefix + "mlp.down_proj", width, inner, of_.mlp_bias);
  }

  const Family& family_;
  const Hyperparameters& of_;
  std::vector<TensorShape> tensors_;
};

/// Where row i of GGUF's goes in transformers' order: from_gguf of the numbers 0, 1, ..
at::Tensor row_order(const std::string& name, int64_t rows, const Configuration& model) {
  return model.family->from_gguf(name, at::arange(rows, at::kLong), model.of);
}

}  // namespace

std::vector<TensorShape> tensors_of(const Configuration& model) { return List(model).all(); }

const char* written_architecture(const Configuration& model) {
  if (model.family->gguf_written != nullptr) return model.family->gguf_written;
  const auto& own = model.family->gguf_architectures;
  return own.empty() ? nullptr : own.front();
}

uint32_t file_type_of(format::GgmlType type) {
  switch (type) {
    case format::GgmlType::f16:
      return 1;
    case format::GgmlType::q8_0:
      return 7;
    case format::GgmlType::bf16:
      return 32;
    default:
      return 0;
  }
}

at::Tensor to_gguf_rows(const std::string& name, const at::Tensor& value,
                        const Configuration& model) {
  if (!moves_rows(name, model)) return value;
  at::Tensor result = at::empty_like(value);
  return result.index_copy_(0, row_order(name, value.size(0), model), value);
}

bool moves_rows(const std::string& name, const Configuration& model) {
  if (model.family->from_gguf == nullptr) return false;
  const bool q = name.find("q_proj") != std::string::npos;
  const int64_t rows = (q ? model.of.num_heads : model.of.num_kv_heads) * model.of.head_dim;
  return !at::equal(row_order(name, rows, model), at::arange(rows, at::kLong));
}

}  // namespace matlora::model
