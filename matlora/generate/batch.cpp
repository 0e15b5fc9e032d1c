// S sequences, V vocabulary.
#include "matlora/generate/batch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "matlora/base/error.h"
#include "matlora/nn/long_rope.h"

namespace matlora::generate {
namespace {

/// Of one pass over prompts, unless one alone has more: bounds the memory of activations.
constexpr int64_t kPrefillTokens = 2048;

/// A shared prefix of fewer tokens is not worth a sequence.
constexpr int64_t kLeastShared = 32;

/// How many tokens all prompts begin with alike; each has one more at least.
int64_t shared_length(std::span<const Request* const> requests) {
  if (requests.size() < 2) return 0;
  const std::vector<int32_t>& first = requests[0]->prompt;
  size_t shared = first.size();
  for (const Request* request : requests) {
    const size_t most = std::min(shared, request->prompt.size() - 1);
    const auto end = first.begin() + static_cast<int64_t>(most);
    const auto differ = std::mismatch(first.begin(), end, request->prompt.begin());
    shared = static_cast<size_t>(differ.first - first.begin());
  }
  const auto length = static_cast<int64_t>(shared);
  return length < kLeastShared ? 0 : length;
}

/// What all prompts of one variant begin with.
struct Prefix {
  int64_t length = 0, slot = -1;  // tokens, 0: nothing is shared; of the cache
};

/// A request in flight.
struct Sequence {
  size_t index;
  const Request* request;
  int64_t slot;
  Sampler sampler;
  std::vector<int32_t> completion;
};

class Batch {
 public:
  Batch(const nn::Decoder& model, std::span<const Request> requests, int64_t max_sequences,
        const BatchEvents& events)
      : model_(model),
        requests_(requests),
        places_(static_cast<size_t>(max_sequences)),
        events_(events),
        cache_(model.make_cache()) {}

  DecodeStats run() {
    take_prefixes();
    while (true) {
      const auto start = std::chrono::steady_clock::now();
      while (!stopped() && next_ < requests_.size() && active_.size() < places_) prefill();
      const auto middle = std::chrono::steady_clock::now();
      stats_.prefill_s += std::chrono::duration<double>(middle - start).count();
      if (active_.empty() || stopped()) return stats_;
      step();
      stats_.decode_s +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - middle).count();
    }
  }

 private:
  bool stopped() const { return events_.stop && events_.stop(); }

  /// What all prompts of a variant begin with goes through the layers once.
  void take_prefixes() {
    std::map<nn::Variant, std::vector<const Request*>> by_variant;
    for (const Request& request : requests_) by_variant[request.variant].push_back(&request);
    for (const auto& [variant, requests] : by_variant) {
      Prefix& prefix = prefixes_[variant];
      prefix.length = shared_length(requests);
      if (prefix.length > 0) take_prefix(requests.front()->prompt, variant, prefix);
    }
  }

  void take_prefix(const std::vector<int32_t>& prompt, nn::Variant variant, Prefix& prefix) {
    const auto start = std::chrono::steady_clock::now();
    prefix.slot = cache_.open(prefix.length, nn::Keep::sequence, variant);
    const std::vector<int64_t> tokens(prompt.begin(), prompt.begin() + prefix.length);
    const std::vector<nn::NewTokens> part = {{prefix.slot, prefix.length}};
    const at::Tensor ids = at::tensor(tokens, at::kLong).to(model_.device());
    model_.hidden(ids, part, cache_,
                  at::tensor({prefix.length - 1}, at::kLong).to(model_.device()));
    stats_.prefill_tokens += prefix.length;
    stats_.prefill_s +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  /// None where the prompt turns the prefix's keys otherwise.
  Prefix usable_prefix(const Request& request) const {
    const Prefix& prefix = prefixes_.at(request.variant);
    const auto tokens = static_cast<int64_t>(request.prompt.size());
    return nn::changes_keys(model_, prefix.length, tokens) ? Prefix() : prefix;
  }

  /// Takes in waiting prompts, as many as there are places and fit one pass.
  void prefill() {
    std::vector<Sequence> sequences;
    std::vector<int64_t> tokens, last;
    std::vector<nn::NewTokens> parts;
    while (next_ < requests_.size() && active_.size() + sequences.size() < places_) {
      const Request& request = requests_[next_];
      const Prefix prefix = usable_prefix(request);
      const auto length = static_cast<int64_t>(request.prompt.size()) - prefix.length;
      const int64_t capacity = length + request.options.max_new_tokens - 1;
      const bool full = static_cast<int64_t>(tokens.size()) + length > kPrefillTokens;
      if (full && !sequences.empty()) break;
      const size_t index = next_++;
      if (request.options.max_new_tokens <= 0) {
        finish(index, {});
        continue;
      }
      tokens.insert(tokens.end(), request.prompt.begin() + prefix.length, request.prompt.end());
      last.push_back(static_cast<int64_t>(tokens.size()) - 1);
      const int64_t slot = prefix.length > 0
                               ? cache_.fork(prefix.slot, capacity)
                               : cache_.open(capacity, nn::Keep::sequence, request.variant);
      parts.push_back({slot, length});
      sequences.push_back({index,
                           &request,
                           parts.back().slot,
                           Sampler(request.options.sampling, request.options.seed),
                           {}});
    }
    if (sequences.empty()) return;
    stats_.prefill_tokens += static_cast<int64_t>(tokens.size());
    accept(sequences, forward(tokens, parts, at::tensor(last, at::kLong).to(model_.device())));
    std::move(sequences.begin(), sequences.end(), std::back_inserter(active_));
  }

  /// One more token for every sequence in flight.
  void step() {
    std::vector<int64_t> tokens, last;
    std::vector<nn::NewTokens> parts;
    for (Sequence& sequence : active_) {
      const int64_t length = cache_.length(sequence.slot);
      const size_t before = tokens.size();
      if (nn::changes_keys(model_, length, length + 1)) {
        begin_again(sequence, tokens);
      } else {
        tokens.push_back(sequence.completion.back());
      }
      parts.push_back({sequence.slot, static_cast<int64_t>(tokens.size() - before)});
      last.push_back(static_cast<int64_t>(tokens.size()) - 1);
    }
    stats_.decode_tokens += static_cast<int64_t>(active_.size());
    const bool single = tokens.size() == active_.size();
    accept(active_,
           forward(tokens, parts,
                   single ? at::Tensor() : at::tensor(last, at::kLong).to(model_.device())));
  }

  /// A new slot, and all of the sequence into `tokens`.
  void begin_again(Sequence& sequence, std::vector<int64_t>& tokens) {
    const std::vector<int32_t>& prompt = sequence.request->prompt;
    cache_.close(sequence.slot);
    const int64_t capacity =
        static_cast<int64_t>(prompt.size()) + sequence.request->options.max_new_tokens - 1;
    sequence.slot = cache_.open(capacity, nn::Keep::sequence, sequence.request->variant);
    tokens.insert(tokens.end(), prompt.begin(), prompt.end());
    tokens.insert(tokens.end(), sequence.completion.begin(), sequence.completion.end());
  }

  /// Logits [S, V] of all new tokens or of `rows` of them.
  at::Tensor forward(const std::vector<int64_t>& tokens, std::span<const nn::NewTokens> parts,
                     const at::Tensor& rows) {
    const at::Tensor ids = at::tensor(tokens, at::kLong).to(model_.device());
    return model_.logits(model_.hidden(ids, parts, cache_, rows));
  }

  /// Gives each sequence the token that its row of `logits` [S, V] brings; the ended ones leave.
  void accept(std::vector<Sequence>& sequences, const at::Tensor& logits) {
    std::vector<int32_t> tokens(sequences.size());
    at::parallel_for(0, logits.size(0), /*grain_size=*/1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const auto i = static_cast<size_t>(row);
        tokens[i] = sequences[i].sampler.next(logits.select(0, row));
      }
    });
    size_t next = 0;
    std::erase_if(sequences, [&](Sequence& sequence) {
      if (goes_on(sequence, tokens[next++])) return false;
      cache_.close(sequence.slot);
      finish(sequence.index, sequence.completion);
      return true;
    });
  }

  bool goes_on(Sequence& sequence, int32_t token) const {
    const DecodeOptions& options = sequence.request->options;
    const auto& stops = options.stop_ids;
    if (std::find(stops.begin(), stops.end(), token) != stops.end()) return false;
    sequence.completion.push_back(token);
    if (events_.on_token && !events_.on_token(sequence.index, token)) return false;
    return static_cast<int64_t>(sequence.completion.size()) < options.max_new_tokens;
  }

  void finish(size_t index, const std::vector<int32_t>& completion) const {
    if (events_.on_finished) events_.on_finished(index, completion);
  }

  const nn::Decoder& model_;
  std::span<const Request> requests_;
  size_t places_;
  const BatchEvents& events_;
  nn::KvCache cache_;
  std::map<nn::Variant, Prefix> prefixes_;
  size_t next_ = 0;  // the first request that still waits
  std::vector<Sequence> active_;
  DecodeStats stats_;
};

}  // namespace

DecodeStats decode_batch(const nn::Decoder& model, std::span<const Request> requests,
                         int64_t max_sequences, const BatchEvents& events) {
  check(max_sequences >= 1, "decode: ", max_sequences, " sequences at a time");
  for (const Request& request : requests) check(!request.prompt.empty(), "decode: empty prompt");
  const at::NoGradGuard no_grad;
  return Batch(model, requests, max_sequences, events).run();
}

}  // namespace matlora::generate
