// N tokens, C hidden size, H query heads, H_kv key heads, D head_dim, F intermediate size.
#include "matlora/nn/decoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "matlora/base/error.h"
#include "matlora/nn/cached_attention.h"
#include "matlora/nn/packed_attention.h"
#include "matlora/nn/rms_norm.h"

namespace matlora::nn {
namespace {

/// Where each token is in its sequence, and the sequence's length with this pass: [N] int64 both,
/// the lengths only where a rope asks for them.
struct Places {
  at::Tensor positions, lengths;
};

struct Heads {
  at::Tensor q, k, v;  // [N, H, D], [N, H_kv, D] twice
};

/// x, or its norm where the model has one there.
at::Tensor normalised(const Decoder& model, const at::Tensor& x, const at::Tensor& weight) {
  return weight.defined() ? rms_norm(x, weight, model.rms_norm_eps) : x;
}

/// [N, width] each of what layers that read x together give, be they one layer or several.
std::vector<at::Tensor> project(std::span<const NamedLinear> layers, const at::Tensor& x,
                                const Selection& use, std::vector<int64_t> widths) {
  std::vector<const Linear*> linears;
  for (const NamedLinear& layer : layers) linears.push_back(&layer.linear);
  std::vector<at::Tensor> y = forward_all(linears, x, use);
  return layers.size() == widths.size() ? y : y[0].split_with_sizes(widths, 1);
}

/// [N, H·D] -> [N, H, D]
at::Tensor by_head(const Decoder& model, const at::Tensor& x) {
  return x.view({x.size(0), -1, model.head_dim});
}

/// Queries or keys [N, H·D] -> [N, H, D], under `norm` [D] or [H·D].
at::Tensor normalised_heads(const Decoder& model, const at::Tensor& x, const at::Tensor& norm) {
  if (!norm.defined()) return by_head(model, x);
  if (norm.size(0) == x.size(1)) return by_head(model, rms_norm(x, norm, model.rms_norm_eps));
  const at::Tensor heads = x.reshape({-1, model.head_dim});  // [N·H, D]
  return rms_norm(heads, norm, model.rms_norm_eps).view({x.size(0), -1, model.head_dim});
}

/// n: [N, C], normalised
Heads heads_of(const Decoder& model, const DecoderLayer& layer, const at::Tensor& n,
               std::span<const Rotation> turns, const Selection& use) {
  const int64_t keys = model.num_kv_heads * model.head_dim;
  const std::vector<at::Tensor> y =
      project(layer.qkv, n, use, {model.num_heads * model.head_dim, keys, keys});
  Heads heads = {normalised_heads(model, y[0], layer.q_norm),
                 normalised_heads(model, y[1], layer.k_norm), by_head(model, y[2])};
  if (layer.attention.rope >= 0) {
    const Rotation& turn = turns[static_cast<size_t>(layer.attention.rope)];
    heads.q = rotate(heads.q, turn);
    heads.k = rotate(heads.k, turn);
  }
  return heads;
}

/// m: [N, C], normalised -> [N, C]
at::Tensor feed_forward(const DecoderLayer& layer, const at::Tensor& m, const Selection& use) {
  const int64_t inner = layer.down.linear.in();
  const std::vector<at::Tensor> y = project(layer.gate_up, m, use, {inner, inner});
  return layer.down.linear.forward(gated_unit(y[0], y[1], layer.activation), use);
}

/// x + s·norm(y)
at::Tensor added(const Decoder& model, const at::Tensor& x, const at::Tensor& y,
                 const at::Tensor& norm) {
  const at::Tensor z = normalised(model, y, norm);
  return model.residual_scale == 1 ? x + z : x + z * model.residual_scale;
}

at::Tensor embedded(const Decoder& model, const at::Tensor& tokens) {
  const at::Tensor x = at::embedding(model.embedding, tokens);  // [N] -> [N, C]
  if (model.embedding_scale == 1) return x;
  return x * at::full({}, model.embedding_scale, x.options());
}

/// The runs of `rows` (ascending) of what `runs` are of.
std::vector<VariantRows> rows_of_runs(std::span<const VariantRows> runs, const at::Tensor& rows) {
  std::vector<VariantRows> result;
  if (runs.empty()) return result;
  const at::Tensor indices = rows.to(at::kCPU).contiguous();
  const int64_t* next = indices.const_data_ptr<int64_t>();
  const int64_t* const end = next + indices.numel();
  int64_t last = 0;  // behind the run
  for (const auto& [variant, count] : runs) {
    last += count;
    const int64_t* const behind = std::lower_bound(next, end, last);
    if (behind != next) result.push_back({variant, behind - next});
    next = behind;
  }
  return result;
}

/// The runs of new tokens; empty where there are no tokens.
std::vector<VariantRows> runs_of(std::span<const NewTokens> parts, const KvCache& cache) {
  std::vector<VariantRows> runs;
  for (const NewTokens& part : parts) {
    const Variant variant = cache.variant(part.slot);
    if (runs.empty() || runs.back().variant != variant) runs.push_back({variant, 0});
    runs.back().rows += part.count;
  }
  return runs;
}

/// The layers one after the other; `attend(layer index, heads)` gives [N, H·D]. Where `rows` [M]
/// are given, only these go through the last layer's o and feed-forward part -> [M, C].
at::Tensor run_layers(const Decoder& model, const at::Tensor& tokens, const Places& places,
                      const at::Tensor& rows, Selection use,
                      const std::function<at::Tensor(int64_t, const Heads&)>& attend) {
  std::vector<Rotation> turns;
  for (const Rope& rope : model.ropes) {
    turns.push_back(rotation(places.positions, rope, model.dtype(), places.lengths));
  }
  std::vector<VariantRows> selected;
  at::Tensor x = embedded(model, tokens);
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const DecoderLayer& layer = model.layers[i];
    const at::Tensor n = normalised(model, x, layer.attention_norm);
    at::Tensor mixed = attend(static_cast<int64_t>(i), heads_of(model, layer, n, turns, use));
    if (rows.defined() && i + 1 == model.layers.size()) {
      mixed = mixed.index_select(0, rows);
      x = x.index_select(0, rows);
      if (use.mask.defined()) use.mask = use.mask.index_select(0, rows);
      selected = rows_of_runs(use.runs, rows);
      use.runs = selected;
    }
    x = added(model, x, layer.o.linear.forward(mixed, use), layer.attention_output_norm);
    const at::Tensor m = normalised(model, x, layer.feed_forward_norm);
    x = added(model, x, feed_forward(layer, m, use), layer.feed_forward_output_norm);
  }
  return x;
}

bool has_long_frequencies(const Decoder& model) {
  return std::any_of(model.ropes.begin(), model.ropes.end(),
                     [](const Rope& rope) { return rope.long_frequencies.defined(); });
}

/// 0, 1, .. restarting with every sequence.
Places packed_places(const Decoder& model, std::span<const int64_t> lengths) {
  const auto options = at::TensorOptions().dtype(at::kLong);
  std::vector<at::Tensor> positions, each;
  for (const int64_t n : lengths) {
    positions.push_back(at::arange(n, options));
    if (has_long_frequencies(model)) each.push_back(at::full({n}, n, options));
  }
  return {at::cat(positions).to(model.device()),
          each.empty() ? at::Tensor() : at::cat(each).to(model.device())};
}

/// Of the new tokens, each part's behind what its slot holds.
Places next_places(const Decoder& model, std::span<const NewTokens> parts, const KvCache& cache) {
  std::vector<int64_t> positions, lengths;
  for (const NewTokens& part : parts) {
    const int64_t first = cache.length(part.slot);
    for (int64_t i = 0; i < part.count; ++i) positions.push_back(first + i);
    lengths.insert(lengths.end(), static_cast<size_t>(part.count), first + part.count);
  }
  const auto tensor = [&](const std::vector<int64_t>& values) {
    return at::tensor(values, at::kLong).to(model.device());
  };
  return {tensor(positions), has_long_frequencies(model) ? tensor(lengths) : at::Tensor()};
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
                     std::span<const CachedSequence> cached, const Attention& how) {
  if (whole.empty()) return cached_attention(heads.q, cached, how);
  if (whole.size() == cached.size()) {
    return packed_attention(heads.q, heads.k, heads.v, whole, how);
  }
  const int64_t first = std::accumulate(whole.begin(), whole.end(), int64_t{0});
  return at::cat({packed_attention(heads.q.narrow(0, 0, first), heads.k.narrow(0, 0, first),
                                   heads.v.narrow(0, 0, first), whole, how),
                  cached_attention(heads.q.narrow(0, first, heads.q.size(0) - first),
                                   cached.subspan(whole.size()), how)});
}

}  // namespace

at::Tensor Decoder::hidden(const at::Tensor& tokens, std::span<const int64_t> lengths) const {
  return hidden(tokens, lengths, /*rows=*/{});
}

at::Tensor Decoder::hidden(const at::Tensor& tokens, std::span<const int64_t> lengths,
                           const at::Tensor& rows, const Selection& use) const {
  return run_layers(*this, tokens, packed_places(*this, lengths), rows, use,
                    [&](int64_t layer, const Heads& heads) {
                      return packed_attention(heads.q, heads.k, heads.v, lengths,
                                              layers[static_cast<size_t>(layer)].attention);
                    });
}

at::Tensor Decoder::hidden(const at::Tensor& tokens, std::span<const NewTokens> parts,
                           KvCache& cache, const at::Tensor& rows) const {
  const std::vector<int64_t> whole = whole_sequences(parts, cache);
  const std::vector<VariantRows> runs = runs_of(parts, cache);
  at::Tensor x =
      run_layers(*this, tokens, next_places(*this, parts, cache), rows, {.runs = runs},
                 [&](int64_t layer, const Heads& heads) {
                   return attention(heads, whole, cache.append(layer, parts, heads.k, heads.v),
                                    layers[static_cast<size_t>(layer)].attention);
                 });
  cache.advance(parts);
  return x;
}

at::Tensor Decoder::logits(const at::Tensor& h) const {
  at::Tensor z = lm_head.forward(rms_norm(h, norm, rms_norm_eps));  // [M, C] -> [M, V]
  if (logit_scale != 1) z = z * logit_scale;
  return logit_soft_cap == 0 ? z : at::tanh(z / logit_soft_cap) * logit_soft_cap;
}

LabelScores Decoder::scores(const at::Tensor& h, const at::Tensor& labels) const {
  check(!lm_head.delta && !lm_head.bias.defined(),
        "decoder: an output layer of more than a weight");
  const at::Tensor n = rms_norm(h, norm, rms_norm_eps);
  return score_labels(logit_scale == 1 ? n : n * logit_scale, lm_head.weight, labels,
                      logit_soft_cap);
}

KvCache Decoder::make_cache() const {
  std::vector<int64_t> windows;
  for (const DecoderLayer& layer : layers) windows.push_back(layer.attention.window);
  return {std::move(windows), num_kv_heads, head_dim, embedding.options()};
}

void for_each_linear(Decoder& model,
                     const std::function<void(const std::string&, Linear&)>& visit) {
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    DecoderLayer& layer = model.layers[i];
    for (NamedLinear& part : layer.qkv) visit(prefix + part.name, part.linear);
    visit(prefix + layer.o.name, layer.o.linear);
    for (NamedLinear& part : layer.gate_up) visit(prefix + part.name, part.linear);
    visit(prefix + layer.down.name, layer.down.linear);
  }
}

void merge_deltas(Decoder& model, Variant variant) {
  if (at::elementSize(model.dtype()) < sizeof(float)) return;
  for_each_linear(model, [&](const std::string&, Linear& layer) { layer = layer.merged(variant); });
}

}  // namespace matlora::nn
