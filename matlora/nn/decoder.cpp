// N tokens, C hidden size, H query heads, H_kv key heads, D head_dim, F intermediate size.
#include "matlora/nn/decoder.h"

#include <ATen/ATen.h>

#include <numeric>

#include "matlora/base/error.h"
#include "matlora/nn/cached_attention.h"
#include "matlora/nn/packed_attention.h"
#include "matlora/nn/rms_norm.h"
#include "matlora/nn/swiglu.h"

namespace matlora::nn {
namespace {

struct Heads {
  at::Tensor q, k, v;  // [N, H, D], [N, H_kv, D] twice
};

/// n: [N, C], normalised
Heads project(const Decoder& model, const DecoderLayer& layer, const at::Tensor& n,
              const Rotation& turn, const at::Tensor& mask) {
  const auto split = [&](const at::Tensor& x, int64_t heads) {
    return x.view({x.size(0), heads, model.head_dim});  // [N, H·D] -> [N, H, D]
  };
  const Linear* const layers[] = {&layer.q_proj, &layer.k_proj, &layer.v_proj};
  const std::vector<at::Tensor> y = forward_all(layers, n, mask);
  return {rotate(split(y[0], model.num_heads), turn), rotate(split(y[1], model.num_kv_heads), turn),
          split(y[2], model.num_kv_heads)};
}

/// m: [N, C], normalised -> [N, C]
at::Tensor feed_forward(const DecoderLayer& layer, const at::Tensor& m, const at::Tensor& mask) {
  const Linear* const layers[] = {&layer.gate_proj, &layer.up_proj};
  const std::vector<at::Tensor> y = forward_all(layers, m, mask);  // [N, F] twice
  return layer.down_proj.forward(swiglu(y[0], y[1]), mask);        // [N, F] -> [N, C]
}

/// The layers one after the other; `attend(layer index, heads)` gives [N, H·D]. Where `rows` [M]
/// are given, only these go through the last layer's o_proj and feed-forward -> [M, C].
at::Tensor run_layers(const Decoder& model, const at::Tensor& tokens, const at::Tensor& positions,
                      const at::Tensor& rows, at::Tensor mask,
                      const std::function<at::Tensor(int64_t, const Heads&)>& attend) {
  const Rotation turn = rotation(positions, model.frequencies, model.dtype());
  at::Tensor x = at::embedding(model.embedding, tokens);  // [N] -> [N, C]
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const DecoderLayer& layer = model.layers[i];
    const at::Tensor n = rms_norm(x, layer.input_norm, model.rms_norm_eps);
    at::Tensor mixed = attend(static_cast<int64_t>(i), project(model, layer, n, turn, mask));
    if (rows.defined() && i + 1 == model.layers.size()) {
      mixed = mixed.index_select(0, rows);
      x = x.index_select(0, rows);
      if (mask.defined()) mask = mask.index_select(0, rows);
    }
    x = x + layer.o_proj.forward(mixed, mask);
    x = x + feed_forward(layer, rms_norm(x, layer.post_attention_norm, model.rms_norm_eps), mask);
  }
  return x;
}

/// 0, 1, .. restarting with every sequence: [N] int64.
at::Tensor packed_positions(std::span<const int64_t> lengths, at::Device device) {
  std::vector<at::Tensor> pieces;
  for (const int64_t n : lengths) {
    pieces.push_back(at::arange(n, at::TensorOptions().dtype(at::kLong)));
  }
  return at::cat(pieces).to(device);
}

/// Of the new tokens, each part's behind what its slot holds: [N] int64.
at::Tensor next_positions(std::span<const NewTokens> parts, const KvCache& cache,
                          at::Device device) {
  std::vector<int64_t> positions;
  for (const NewTokens& part : parts) {
    const int64_t first = cache.length(part.slot);
    for (int64_t i = 0; i < part.count; ++i) positions.push_back(first + i);
  }
  return at::tensor(positions, at::kLong).to(device);
}

/// The lengths of the parts up to the first that is not a sequence of several tokens from their
/// first one on: these need nothing of a cache.
std::vector<int64_t> whole_sequences(std::span<const NewTokens> parts, const KvCache& cache) {
  std::vector<int64_t> lengths;
  for (const NewTokens& part : parts) {
    if (cache.length(part.slot) > 0 || part.count < 2) break;
    lengths.push_back(part.count);
  }
  return lengths;
}

/// Attention of new tokens, of which those of the first sequences, of lengths `whole`, see nothing
/// older. -> [N, H·D]
at::Tensor attention(const Heads& heads, std::span<const int64_t> whole,
                     std::span<const CachedSequence> cached) {
  if (whole.empty()) return cached_attention(heads.q, cached);
  if (whole.size() == cached.size()) {
    return packed_attention(heads.q, heads.k, heads.v, whole);
  }
  const int64_t first = std::accumulate(whole.begin(), whole.end(), int64_t{0});
  return at::cat({packed_attention(heads.q.narrow(0, 0, first), heads.k.narrow(0, 0, first),
                                   heads.v.narrow(0, 0, first), whole),
                  cached_attention(heads.q.narrow(0, first, heads.q.size(0) - first),
                                   cached.subspan(whole.size()))});
}

}  // namespace

at::Tensor Decoder::hidden(const at::Tensor& tokens, std::span<const int64_t> lengths) const {
  return hidden(tokens, lengths, /*rows=*/{});
}

at::Tensor Decoder::hidden(const at::Tensor& tokens, std::span<const int64_t> lengths,
                           const at::Tensor& rows, const at::Tensor& directions) const {
  return run_layers(*this, tokens, packed_positions(lengths, device()), rows, directions,
                    [&](int64_t, const Heads& heads) {
                      return packed_attention(heads.q, heads.k, heads.v, lengths);
                    });
}

at::Tensor Decoder::hidden(const at::Tensor& tokens, std::span<const NewTokens> parts,
                           KvCache& cache, const at::Tensor& rows) const {
  const std::vector<int64_t> whole = whole_sequences(parts, cache);
  at::Tensor x =
      run_layers(*this, tokens, next_positions(parts, cache, device()), rows, /*mask=*/{},
                 [&](int64_t layer, const Heads& heads) {
                   return attention(heads, whole, cache.append(layer, parts, heads.k, heads.v));
                 });
  cache.advance(parts);
  return x;
}

at::Tensor Decoder::logits(const at::Tensor& h) const {
  return lm_head.forward(rms_norm(h, norm, rms_norm_eps));  // [M, C] -> [M, V]
}

LabelScores Decoder::scores(const at::Tensor& h, const at::Tensor& labels) const {
  check(!lm_head.delta && !lm_head.bias.defined(), "llama: an output layer of more than a weight");
  return score_labels(rms_norm(h, norm, rms_norm_eps), lm_head.weight, labels);
}

KvCache Decoder::make_cache() const {
  return {static_cast<int64_t>(layers.size()), num_kv_heads, head_dim, embedding.options()};
}

void for_each_linear(Decoder& model,
                     const std::function<void(const std::string&, Linear&)>& visit) {
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    DecoderLayer& layer = model.layers[i];
    visit(prefix + "self_attn.q_proj", layer.q_proj);
    visit(prefix + "self_attn.k_proj", layer.k_proj);
    visit(prefix + "self_attn.v_proj", layer.v_proj);
    visit(prefix + "self_attn.o_proj", layer.o_proj);
    visit(prefix + "mlp.gate_proj", layer.gate_proj);
    visit(prefix + "mlp.up_proj", layer.up_proj);
    visit(prefix + "mlp.down_proj", layer.down_proj);
  }
}

void merge_deltas(Decoder& model) {
  if (at::elementSize(model.dtype()) < sizeof(float)) return;
  for_each_linear(model, [](const std::string&, Linear& layer) { layer = layer.merged(); });
}

}  // namespace matlora::nn
