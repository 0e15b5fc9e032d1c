// Prompts -> new tokens, many sequences at a time: one step brings a token to every sequence in
// flight and reads the model's weights once for all of them. A sequence that ends leaves at once,
// and the next prompt takes its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "matlora/generate/sampling.h"
#include "matlora/nn/decoder.h"

namespace matlora::generate {

struct DecodeOptions {
  int64_t max_new_tokens = 256;
  std::vector<int32_t> stop_ids;  // any of them ends the completion and is not part of it
  SamplingOptions sampling;
  uint64_t seed = 42;  // of this completion alone, so that it does not depend on its neighbours
};

struct Request {
  std::vector<int32_t> prompt;
  DecodeOptions options;
  nn::Variant variant = nn::kFirstVariant;  // of all its tokens (adapter::Bank)
};

/// What decode_batch tells and asks as it goes; any may be empty. `index` is the request's.
struct BatchEvents {
  /// A token of a completion; false ends that completion behind it.
  std::function<bool(size_t index, int32_t token)> on_token;
  /// A completion that is whole.
  std::function<void(size_t index, const std::vector<int32_t>& completion)> on_finished;
  /// Asked before every pass; true ends the call, and what is not finished is lost.
  std::function<bool()> stop;
};

/// Prompts are taken in in passes of their own. A completion's first token comes from its prompt's
/// pass; decode_tokens are the others.
struct DecodeStats {
  int64_t prefill_tokens = 0, decode_tokens = 0;
  double prefill_s = 0, decode_s = 0;
};

/// What all prompts of a variant begin with goes through the model once. Completes all requests, at
/// most `max_sequences` at a time, begun in their order; those of different variants share passes.
/// Throws BugError for an empty prompt and for max_sequences below 1.
DecodeStats decode_batch(const nn::Decoder& model, std::span<const Request> requests,
                         int64_t max_sequences, const BatchEvents& events);

}  // namespace matlora::generate
