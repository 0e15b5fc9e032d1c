// Keys and values of the tokens that each sequence of a batch has behind it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "matlora/nn/delta.h"

namespace matlora::nn {

/// `count` new tokens of the sequence in a cache's `slot`.
struct NewTokens {
  int64_t slot, count;
};

/// What one layer keeps of tokens that follow each other.
struct CachedTokens {
  at::Tensor keys, values;  // [H_kv, room, D], written up to `length`
  int64_t length;           // tokens
};

/// What one layer keeps of one sequence.
struct CachedSequence {
  CachedTokens own;                  // the new tokens included
  int64_t count;                     // new tokens: the last ones
  std::vector<CachedTokens> before;  // what its own tokens follow, which other sequences share
};

/// For how long a slot keeps what it is given.
enum class Keep {
  sequence,  // while the slot is open
  pass,      // until the next layer: for sequences whose tokens all come in one pass
};

/// Slots for sequences, each with its own capacity, length and variant. A sequence may continue
/// another one, whose tokens then are kept once for all that do. Keys depend on everything that
/// made them: a slot keeps the variant that it was opened with, a fork has its origin's, so no rank
/// ever sees another's keys. A cache belongs to one model.
class KvCache {
 public:
  KvCache(int64_t num_layers, int64_t num_kv_heads, int64_t head_dim,
          const at::TensorOptions& options);

  /// A slot for a new sequence of at most `room` tokens, which go through the model as `variant`;
  /// the memory of closed ones is used again.
  int64_t open(int64_t room, Keep keep = Keep::sequence, Variant variant = kFirstVariant);
  /// A slot for a sequence that continues what `slot` holds now and the `ahead` tokens that it
  /// takes in with the fork's first ones, in the same pass; with room for so many tokens more. What
  /// `slot` takes in later is no part of it. `slot` must stay open as long.
  int64_t fork(int64_t slot, int64_t room, Keep keep = Keep::sequence, int64_t ahead = 0);
  /// Gives the slot back; its number may come again. Throws BugError when another continues it.
  void close(int64_t slot);

  int64_t length(int64_t slot) const;   ///< tokens, with those that it continues
  Variant variant(int64_t slot) const;  ///< of all its tokens

  /// Puts the new keys and values of one layer, [N, H_kv, D], packed in the order of `parts`,
  /// behind what their sequences hold. A slot stands in `parts` once. Throws BugError for a closed
  /// slot, for tokens that do not fit, and for a fork of tokens that its origin does not have yet.
  std::vector<CachedSequence> append(int64_t layer, std::span<const NewTokens> parts,
                                     const at::Tensor& keys, const at::Tensor& values);

  /// Counts the new tokens, once every layer has appended them.
  void advance(std::span<const NewTokens> parts);

 private:
  /// The first `length` of a slot's own tokens.
  struct Part {
    int64_t slot, length;
  };
  struct Slot {
    std::vector<at::Tensor> keys, values;  // per kept layer [H_kv, room, D]
    int64_t room = 0, length = 0;          // tokens of its own
    std::vector<Part> before;
    int64_t forks = 0;  // open slots that continue it
    Variant variant = kFirstVariant;
    bool open = false;
    Keep keep = Keep::sequence;

    /// Where what belongs to `layer` is.
    size_t place(int64_t layer) const { return static_cast<size_t>(layer) % keys.size(); }
  };

  const Slot& slot(int64_t index) const;
  Slot& slot(int64_t index);

  int64_t num_layers_, num_kv_heads_, head_dim_;
  at::TensorOptions options_;
  std::vector<Slot> slots_;
};

}  // namespace matlora::nn
