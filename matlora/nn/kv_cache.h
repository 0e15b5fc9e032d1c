// Keys and values of the tokens that one sequence has behind it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace matlora::nn {

/// Room for `capacity` tokens of one sequence. A cache belongs to one model, adapter and rank: its
/// owner makes a new one whenever one of them changes.
class KvCache {
 public:
  KvCache(int64_t num_layers, int64_t num_kv_heads, int64_t head_dim, int64_t capacity,
          const at::TensorOptions& options);

  int64_t length() const { return length_; }  ///< tokens

  struct View {
    at::Tensor keys, values;  // [length + n, H_kv, D]
  };
  /// Puts keys and values [n, H_kv, D] of one layer behind the first length() tokens; the view
  /// covers all of them. Throws BugError when they do not fit.
  View append(int64_t layer, const at::Tensor& keys, const at::Tensor& values);

  /// Counts n more tokens, once every layer has appended them.
  void advance(int64_t n) { length_ += n; }

 private:
  std::vector<at::Tensor> keys_, values_;  // per layer [capacity, H_kv, D]
  int64_t length_ = 0, capacity_ = 0;
};

}  // namespace matlora::nn
