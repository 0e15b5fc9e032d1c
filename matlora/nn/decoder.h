// A decoder-only transformer: per layer
//   x += s · norm(o(attention(rope(norm(q(n))), rope(norm(k(n))), v(n)))),   n = norm(x)
//   x += s · norm(down(f(gate(m)) ∘ up(m))),                                 m = norm(x)
// then a last norm and the vocabulary's linear layer. All norms are root mean square norms. What a
// model does without is left empty: Llama (Touvron et al. 2023, arXiv 2302.13971; transformers'
// modeling_llama.py) has the two norms of x alone. Sequences are packed one after the other in one
// row of N tokens, without padding. Frozen: only Deltas have gradients.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "matlora/nn/attention.h"
#include "matlora/nn/kv_cache.h"
#include "matlora/nn/linear.h"
#include "matlora/nn/loss.h"
#include "matlora/nn/rope.h"
#include "matlora/nn/swiglu.h"

namespace matlora::nn {

/// A linear layer and its name in its decoder layer, as transformers has it: `self_attn.q_proj`.
struct NamedLinear {
  std::string name;
  Linear linear;
};

/// One layer. C hidden size, H query heads, H_kv key heads, D head_dim, F intermediate size. Norms
/// are weights [C]; an undefined one is left out.
struct DecoderLayer {
  at::Tensor attention_norm;         // before attention
  std::vector<NamedLinear> qkv;      // [H·D, C], [H_kv·D, C] twice; or one with the rows of all
  at::Tensor q_norm, k_norm;         // [D]: of every head; [H·D], [H_kv·D]: of all heads together
  NamedLinear o;                     // [C, H·D]
  at::Tensor attention_output_norm;  // of what attention adds
  at::Tensor feed_forward_norm;      // before the feed-forward part
  std::vector<NamedLinear> gate_up;  // [F, C] twice; or one with the rows of both
  NamedLinear down;                  // [C, F]
  at::Tensor feed_forward_output_norm;  // of what the feed-forward part adds
  Attention attention = {};
  Activation activation = Activation::silu;
};

struct Decoder {
  at::Tensor embedding;  // [V, C]
  std::vector<DecoderLayer> layers;
  at::Tensor norm;          // [C]
  Linear lm_head;           // [V, C], the embedding itself when tied
  std::vector<Rope> ropes;  // that layers choose from by Attention::rope
  int64_t num_heads = 0, num_kv_heads = 0, head_dim = 0;
  double rms_norm_eps = 1e-5;
  double embedding_scale = 1;  // of embeddings, rounded to their dtype
  double residual_scale = 1;   // s, of what is added to x
  double logit_scale = 1;      // logits times this
  double logit_soft_cap = 0;   // then cap · tanh(logits / cap); 0: none

  /// tokens: [N] int64, sequences of `lengths` tokens one after the other (each attends only to
  /// itself, positions restart) -> [N, C], before the last norm.
  at::Tensor hidden(const at::Tensor& tokens, std::span<const int64_t> lengths) const;

  /// hidden(tokens, lengths)[rows], rows: [M] int64 -> [M, C]. What only other rows need is left
  /// out of the last layer. use: of each token's changes; with runs, `rows` ascend.
  at::Tensor hidden(const at::Tensor& tokens, std::span<const int64_t> lengths,
                    const at::Tensor& rows, const Selection& use = {}) const;

  /// Sequences that continue what their slots of `cache` hold: tokens [N], the new ones of each
  /// part one after the other -> [N, C], or the `rows` of it as above. The slots grow by their
  /// counts. Prompts of any lengths and single tokens may be in one call, each with its slot's
  /// variant. Where ropes have long frequencies, each pass takes those of the slot's length after
  /// it: what a shorter slot holds already stays as it was turned.
  at::Tensor hidden(const at::Tensor& tokens, std::span<const NewTokens> parts, KvCache& cache,
                    const at::Tensor& rows = {}) const;

  /// h: [M, C], any rows of hidden() -> [M, V].
  at::Tensor logits(const at::Tensor& h) const;

  /// What logits(h) say of `labels` [M] int64, without all of them at once.
  LabelScores scores(const at::Tensor& h, const at::Tensor& labels) const;

  /// Without slots yet, in this model's dtype and on its device.
  KvCache make_cache() const;

  /// Whether weights are rebuilt on use (Linear::stored).
  bool on_demand() const { return !layers.empty() && layers.front().o.linear.stored; }

  at::ScalarType dtype() const { return embedding.scalar_type(); }
  at::Device device() const { return embedding.device(); }
  int64_t vocab_size() const { return embedding.size(0); }
};

/// Calls `visit` with every linear layer inside the model (not the output layer) and its name as
/// transformers gives it, `model.layers.0.self_attn.q_proj`, in order of layer and of computation.
void for_each_linear(Decoder& model,
                     const std::function<void(const std::string& name, Linear& layer)>& visit);

/// Adds every Delta's change of `variant` into its layer's weight, so that a pass costs what it
/// costs without an adapter, and brings stored weights into memory. Weights that other copies of
/// the model share stay as they are. Only for float32 and above: where a weight has fewer digits,
/// the change would be rounded away, so there the Deltas stay.
void merge_deltas(Decoder& model, Variant variant = kFirstVariant);

}  // namespace matlora::nn
