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
    add_to_digest(source_->copy(weight, {out, in}));  // whose pages leave memory
    result.stored = std::make_shared<FileWeight>(source_, weight, out, in);
  } else {
    result.weight = tensor(weight, {out, in});
  }
  if (bias) result.bias = tensor(name + ".bias", {out});
  return result;
}

at::Tensor Loader::norm(const std::string& name, int64_t size, double offset) {
  if (offset == 0) return tensor(name + ".weight", {size});
  const at::Tensor value = source_->get(name + ".weight", {size}).to(at::kFloat) + offset;
  add_to_digest(value);
  return value.to(placing_.device, at::promote_types(placing_.dtype, at::kFloat));
}

nn::Decoder Loader::build(const Family& family, const Hyperparameters& of,
                          const std::vector<nn::Rope>& ropes) {
  nn::Decoder model;
  model.num_heads = of.num_heads;
  model.num_kv_heads = of.num_kv_heads;
  model.head_dim = of.head_dim;
  model.rms_norm_eps = of.rms_norm_eps;
  model.embedding_scale = of.embedding_scale;
  model.residual_scale = of.residual_scale;
  model.logit_scale = of.logit_scale;
  model.logit_soft_cap = of.logit_soft_cap;
  model.embedding = tensor("model.embed_tokens.weight", {of.vocab_size, of.hidden_size});
  model.norm = norm("model.norm", of.hidden_size, of.norm_offset);
  model.lm_head.weight = of.tie_word_embeddings
                             ? model.embedding
                             : tensor("lm_head.weight", {of.vocab_size, of.hidden_size});
  for (int64_t i = 0; i < of.num_layers; ++i) model.layers.push_back(layer(i, family, of));
  for (const nn::Rope& rope : ropes) {
    model.ropes.push_back(rope);
    for (at::Tensor* own :
         {&model.ropes.back().frequencies, &model.ropes.back().long_frequencies}) {
      if (own->defined()) *own = own->to(placing_.device);
    }
  }
  return model;
}

void Loader::add_norms(const std::string& prefix, const Family& family, const Hyperparameters& of,
                       nn::DecoderLayer& layer) {
  const auto named = [&](const char* name, int64_t size) {
    return name ? norm(prefix + name, size, of.norm_offset) : at::Tensor();
  };
  layer.attention_norm = named(family.norms.attention, of.hidden_size);
  layer.feed_forward_norm = named(family.norms.feed_forward, of.hidden_size);
  layer.attention_output_norm = named(family.norms.attention_output, of.hidden_size);
  layer.feed_forward_output_norm = named(family.norms.feed_forward_output, of.hidden_size);
  if (family.head_norms == HeadNorms::none) return;
  const bool each = family.head_norms == HeadNorms::each;
  layer.q_norm = named("self_attn.q_norm", of.head_dim * (each ? 1 : of.num_heads));
  layer.k_norm = named("self_attn.k_norm", of.head_dim * (each ? 1 : of.num_kv_heads));
}

void Loader::add_projections(const std::string& prefix, const Family& family,
                             const Hyperparameters& of, nn::DecoderLayer& layer) {
  const int64_t width = of.hidden_size, inner = of.intermediate_size;
  const int64_t queries = of.num_heads * of.head_dim, keys = of.num_kv_heads * of.head_dim;
  const auto named = [&](const char* name, int64_t out, int64_t in, bool bias) {
    return nn::NamedLinear{name, linear(prefix + name, out, in, bias)};
  };
  if (family.fused) {
    layer.qkv.push_back(named("self_attn.qkv_proj", queries + 2 * keys, width, of.attention_bias));
  } else {
    layer.qkv.push_back(named("self_attn.q_proj", queries, width, of.attention_bias));
    layer.qkv.push_back(named("self_attn.k_proj", keys, width, of.attention_bias));
    layer.qkv.push_back(named("self_attn.v_proj", keys, width, of.attention_bias));
  }
  layer.o = named("self_attn.o_proj", width, queries, of.attention_output_bias);
  if (family.fused) {
    layer.gate_up.push_back(named("mlp.gate_up_proj", 2 * inner, width, of.mlp_bias));
  } else {
    layer.gate_up.push_back(named("mlp.gate_proj", inner, width, of.mlp_bias));
    layer.gate_up.push_back(named("mlp.up_proj", inner, width, of.mlp_bias));
  }
  layer.down = named("mlp.down_proj", width, inner, of.mlp_bias);
}

nn::DecoderLayer Loader::layer(int64_t index, const Family& family, const Hyperparameters& of) {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  nn::DecoderLayer layer;
  add_norms(prefix, family, of, layer);
  add_projections(prefix, family, of, layer);
  layer.activation = of.activation;
  layer.attention.scale = of.attention_scale;
  layer.attention.soft_cap = of.attention_soft_cap;
  if (of.kinds.empty()) return layer;
  const LayerKind& kind = of.kinds.at(static_cast<size_t>(index));
  layer.attention.window = kind.window;
  layer.attention.rope = kind.rope;
  return layer;
}

}  // namespace matlora::model
