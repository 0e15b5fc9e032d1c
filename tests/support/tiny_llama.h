// A small random model for tests, made by hand: no file, no download, the same numbers every time.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cstdint>
#include <vector>

#include "matlora/nn/decoder.h"

namespace matlora::tests {

struct TinySizes {
  int64_t vocab = 50, hidden = 16, intermediate = 24, layers = 2;
  int64_t heads = 4, kv_heads = 2, head_dim = 4;
  bool tied = false;
  bool biases = false;
};

/// Normal numbers from a generator of its own, times `scale`.
inline at::Tensor random_tensor(at::IntArrayRef shape, uint64_t seed,
                                at::ScalarType dtype = at::kFloat, double scale = 1) {
  const auto generator = at::detail::createCPUGenerator(seed);
  return (at::randn(shape, generator, at::kDouble) * scale).to(dtype);
}

inline nn::Decoder tiny_llama(const TinySizes& s = {}, at::ScalarType dtype = at::kFloat,
                              uint64_t seed = 1) {
  const auto weight = [&](at::IntArrayRef shape) {
    return random_tensor(shape, ++seed, dtype, 0.2);
  };
  const auto linear = [&](int64_t out, int64_t in) {
    return nn::Linear{weight({out, in}), s.biases ? weight({out}) : at::Tensor(), nullptr};
  };
  nn::Decoder model;
  model.embedding = weight({s.vocab, s.hidden}) * 4;
  for (int64_t i = 0; i < s.layers; ++i) {
    nn::DecoderLayer layer;
    layer.attention_norm = 1 + weight({s.hidden});
    layer.feed_forward_norm = 1 + weight({s.hidden});
    layer.qkv = {{"self_attn.q_proj", linear(s.heads * s.head_dim, s.hidden)},
                 {"self_attn.k_proj", linear(s.kv_heads * s.head_dim, s.hidden)},
                 {"self_attn.v_proj", linear(s.kv_heads * s.head_dim, s.hidden)}};
    layer.o = {"self_attn.o_proj", linear(s.hidden, s.heads * s.head_dim)};
    layer.gate_up = {{"mlp.gate_proj", linear(s.intermediate, s.hidden)},
                     {"mlp.up_proj", linear(s.intermediate, s.hidden)}};
    layer.down = {"mlp.down_proj", linear(s.hidden, s.intermediate)};
    model.layers.push_back(layer);
  }
  model.norm = 1 + weight({s.hidden});
  model.lm_head.weight = s.tied ? model.embedding : weight({s.vocab, s.hidden});
  model.ropes = {{at::tensor(nn::rope_frequencies(s.head_dim, 10000.0), at::kFloat)}};
  model.num_heads = s.heads;
  model.num_kv_heads = s.kv_heads;
  model.head_dim = s.head_dim;
  return model;
}

/// `count` tokens of a vocabulary of `vocab`: [count] int64.
inline at::Tensor random_tokens(int64_t count, int64_t vocab = 50, uint64_t seed = 3) {
  const auto generator = at::detail::createCPUGenerator(seed);
  return at::randint(0, vocab, {count}, generator, at::kLong);
}

/// max |a - b| / max |b|
inline double relative_error(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor difference = (a.to(at::kDouble) - b.to(at::kDouble)).abs().max();
  return difference.item<double>() / b.to(at::kDouble).abs().max().item<double>();
}

}  // namespace matlora::tests
