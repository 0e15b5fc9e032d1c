// Keys and values of the tokens that each sequence of a batch has behind it; of layers with a
// window only those that a token to come may still see.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/nn/delta.h"

namespace matlora::nn {

/// `count` new tokens of the sequence in a cache's `slot`.
struct NewTokens {
  int64_t slot, count;
};

/// What one layer keeps of tokens that follow each other: all of them, or the last ones.
struct CachedTokens {
  at::Tensor keys, values;  // [H_kv, capacity, D], written up to `length`
  int64_t length;           // tokens that are there
};

/// What one layer keeps of one sequence. Dropped tokens are those that no new one sees.
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
///
/// A layer with a window keeps at most kSlack tokens more than the window, and those that open
/// forks continue. It drops the older ones where a new token finds no space.
class KvCache {
 public:
  /// windows: of each layer in tokens (Attention::window), 0: it keeps all.
  KvCache(std::vector<int64_t> windows, int64_t num_kv_heads, int64_t head_dim,
          const at::TensorOptions& options);

  /// A slot for a new sequence of at most `capacity` tokens, which go through the model as
  /// `variant`; the memory of closed ones is used again.
  int64_t open(int64_t capacity, Keep keep = Keep::sequence, Variant variant = kFirstVariant);
  /// A slot for a sequence that continues what `slot` holds now and the `ahead` tokens that it
  /// takes in with the fork's first ones, in the same pass; for at most so many tokens more. What
  /// `slot` takes in later is no part of it. `slot` must stay open as long.
  int64_t fork(int64_t slot, int64_t capacity, Keep keep = Keep::sequence, int64_t ahead = 0);
  /// Gives the slot back; its number may come again. Throws BugError when another continues it.
  void close(int64_t slot);

  int64_t length(int64_t slot) const;   ///< tokens, with those that it continues
  Variant variant(int64_t slot) const;  ///< of all its tokens

  /// Puts the new keys and values of one layer, [N, H_kv, D], packed in the order of `parts`,
  /// after what their sequences hold. A slot is in `parts` once. The result is good until the next
  /// call. Throws BugError for a closed slot, for tokens that do not fit, and for a fork of tokens
  /// that its origin does not have yet.
  std::vector<CachedSequence> append(int64_t layer, std::span<const NewTokens> parts,
                                     const at::Tensor& keys, const at::Tensor& values);

  /// Counts the new tokens, once every layer has appended them.
  void advance(std::span<const NewTokens> parts);

  static constexpr int64_t kSlack = 64;  // tokens; keys move once in so many steps
  int64_t bytes() const;                 ///< of all slots, closed ones too

 private:
  /// The first `length` of a slot's own tokens.
  struct Part {
    int64_t slot, length;
  };
  struct Slot {
    std::vector<at::Tensor> keys, values;  // per kept layer [H_kv, rows, D]
    std::vector<int64_t> dropped;          // per kept layer: own tokens before its first row
    int64_t capacity = 0, length = 0;      // without those that it continues
    std::vector<Part> before;
    int64_t forks = 0;       // open slots that continue it
    int64_t first_fork = 0;  // the fewest own tokens that one of them continues
    Variant variant = kFirstVariant;
    bool open = false;
    Keep keep = Keep::sequence;

    /// Where what belongs to `layer` is.
    size_t place(int64_t layer) const { return static_cast<size_t>(layer) % keys.size(); }
  };

  const Slot& slot(int64_t index) const;
  Slot& slot(int64_t index);
  void give_memory(Slot& slot, int64_t capacity, Keep keep) const;
  int64_t oldest_needed(const Slot& slot, int64_t layer, int64_t next) const;
  CachedTokens append_own(Slot& to, int64_t layer, const at::Tensor& keys, const at::Tensor& values,
                          int64_t first, int64_t count) const;

  std::vector<int64_t> windows_;  // of each layer
  int64_t num_kv_heads_, head_dim_;
  at::TensorOptions options_;
  std::vector<Slot> slots_;
};

}  // namespace matlora::nn
