// Log-likelihoods of given continuations, as multiple-choice tasks are scored by. What several
// continuations begin with goes through the model once: the tokens that all of them share, and the
// context of each group.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/nn/decoder.h"

namespace matlora::eval {

/// tokens[first..] are scored, each given those before it. 0 < first < the number of tokens.
struct Continuation {
  std::vector<int32_t> tokens;
  int64_t first = 0;
};

struct LikelihoodOptions {
  int64_t pass_tokens = 2048;        // of one pass through the layers, unless one group has more
  std::function<bool()> stop;        // asked between passes; true ends the work early
  std::function<void(size_t)> done;  // groups that are scored so far
};

/// For every continuation of every group (a document's choices), in their order, the sum of its
/// scored tokens' log-probabilities, in nats; nothing when stopped. Equal continuations of a group
/// get equal numbers. Uses whatever rank is selected on the model's adapter. The keys and values
/// live no longer than the call. Throws BugError for an empty group and for `first` out of range.
std::vector<std::vector<double>> score_continuations(
    const nn::Decoder& model, std::span<const std::vector<Continuation>> groups,
    const LikelihoodOptions& options);

}  // namespace matlora::eval
