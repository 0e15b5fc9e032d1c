// Examples laid one after the other in one row of tokens, without padding. Each attends only to
// itself and its positions restart (nn/decoder.h), so what is packed together changes no result.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "matlora/data/examples.h"

namespace matlora::data {

/// N tokens of K examples, M of them with a label to predict.
struct Pack {
  at::Tensor tokens;                  // [N] int64
  std::vector<int64_t> lengths;       // K, their sum is N
  at::Tensor rows;                    // [M] int64, the positions in 0..N-1 that predict a label
  at::Tensor labels;                  // [M] int64, what they predict
  std::vector<int64_t> label_counts;  // K, their sum is M

  int64_t token_count() const { return tokens.size(0); }
  int64_t label_count() const { return labels.size(0); }
};

/// The examples of `items` at `indices`, in that order. Throws BugError when there is none.
Pack pack(std::span<const Example> items, std::span<const int64_t> indices, at::Device device);

/// Cuts `indices` into consecutive groups of at most `token_budget` tokens (one example at least).
std::vector<std::vector<int64_t>> split_by_tokens(std::span<const Example> items,
                                                  std::span<const int64_t> indices,
                                                  int64_t token_budget);

}  // namespace matlora::data
