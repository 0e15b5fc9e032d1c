#include "matlora/model/families/loader.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <span>
#include <utility>

#include "matlora/model/families/family.h"
#include "matlora/model/weights.h"

namespace matlora::model {
namespace {

/// A linear layer's weight that stays in its file.
class FileWeight : public nn::StoredWeight {
 public:
  FileWeight(std::shared_ptr<const WeightSource> source, std::string name, int64_t out, int64_t in)
      : StoredWeight(out, in), source_(std::move(source)), name_(std::move(name)) {}

  at::Tensor load() const override { return source_->copy(name_, {out(), in()}).to(at::kFloat); }

 private:
  std::shared_ptr<const WeightSource> source_;
  std::string name_;
};

}  // namespace

Loader::Loader(std::shared_ptr<const WeightSource> source, Placing placing)
    : source_(std::move(source)), placing_(placing) {}

/// Hashes of blocks, made on all threads.
void Loader::add_to_digest(const at::Tensor& tensor) {
  constexpr int64_t kBlock = 1 << 18;  // numbers
  const at::Tensor flat = tensor.reshape(-1);
  const int64_t blocks = (flat.numel() + kBlock - 1) / kBlock;
  const size_t first = hashes_.size();
  hashes_.resize(first + static_cast<size_t>(blocks));
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t last = std::min(flat.numel(), (i + 1) * kBlock);
      const at::Tensor block = flat.slice(0, i * kBlock, last).to(at::kFloat).contiguous();
      hashes_[first + static_cast<size_t>(i)] =
          hash_bytes({static_cast<const std::byte*>(block.const_data_ptr()), block.nbytes()});
    }
  });
  hashes_.push_back(hash_bytes(std::as_bytes(std::span(tensor.sizes()))));
}

std::string Loader::digest() const {
  return hash_text(hash_bytes(std::as_bytes(std::span(hashes_))));
}

at::Tensor Loader::tensor(const std::string& name, const std::vector<int64_t>& shape) {
  const at::Tensor stored = source_->get(name, shape);
  add_to_digest(stored);
  return stored.to(placing_.device, placing_.dtype);
}

nn::Linear Loader::linear(const std::string& name, int64_t out, int64_t in, bool bias) {
  const std::string weight = name + ".weight";
  nn::Linear result;
  if (placing_.on_demand()) {
    add_to_digest(source_->get(weight, {out, in}));
    result.stored = std::make_shared<FileWeight>(source_, weight, out, in);
  } else {
    result.weight = tensor(weight, {out, in});
  }
  if (bias) result.bias = tensor(name + ".bias", {out});
  return result;
}

nn::Decoder Loader::build(const Family& family, const Hyperparameters& of,
                          const std::vector<std::vector<float>>& frequencies) {
  nn::Decoder model;
  model.num_heads = of.num_heads;
  model.num_kv_heads = of.num_kv_heads;
  model.head_dim = of.head_dim;
  model.rms_norm_eps = of.rms_norm_eps;
  model.embedding = tensor("model.embed_tokens.weight", {of.vocab_size, of.hidden_size});
  model.norm = tensor("model.norm.weight", {of.hidden_size});
  model.lm_head.weight = of.tie_word_embeddings
                             ? model.embedding
                             : tensor("lm_head.weight", {of.vocab_size, of.hidden_size});
  for (int64_t i = 0; i < of.num_layers; ++i) model.layers.push_back(family.layer(i, *this, of));
  for (const std::vector<float>& own : frequencies) {
    model.ropes.push_back({at::tensor(own, at::kFloat).to(placing_.device)});
  }
  if (family.finish) family.finish(model, of);
  return model;
}

std::string layer_prefix(int64_t index) { return "model.layers." + std::to_string(index) + "."; }

nn::DecoderLayer standard_layer(int64_t index, Loader& loader, const Hyperparameters& of) {
  const std::string prefix = layer_prefix(index);
  const int64_t width = of.hidden_size, inner = of.intermediate_size;
  const int64_t queries = of.num_heads * of.head_dim, keys = of.num_kv_heads * of.head_dim;
  const auto linear = [&](const std::string& name, int64_t out, int64_t in, bool bias) {
    return nn::NamedLinear{name, loader.linear(prefix + name, out, in, bias)};
  };
  nn::DecoderLayer layer;
  layer.attention_norm = loader.tensor(prefix + "input_layernorm.weight", {width});
  layer.feed_forward_norm = loader.tensor(prefix + "post_attention_layernorm.weight", {width});
  layer.qkv.push_back(linear("self_attn.q_proj", queries, width, of.attention_bias));
  layer.qkv.push_back(linear("self_attn.k_proj", keys, width, of.attention_bias));
  layer.qkv.push_back(linear("self_attn.v_proj", keys, width, of.attention_bias));
  layer.o = linear("self_attn.o_proj", width, queries, of.attention_output_bias);
  layer.gate_up.push_back(linear("mlp.gate_proj", inner, width, of.mlp_bias));
  layer.gate_up.push_back(linear("mlp.up_proj", inner, width, of.mlp_bias));
  layer.down = linear("mlp.down_proj", width, inner, of.mlp_bias);
  layer.activation = of.activation;
  return layer;
}

}  // namespace matlora::model
