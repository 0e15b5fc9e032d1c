// M scored tokens of one pass, C hidden size. A continuation's input is all of its tokens but the
// last: input i predicts token i + 1. Inputs are cut in three: the prefix that all share, what a
// group's continuations share behind it, and a tail for each.
#include "matlora/eval/likelihood.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>

#include "matlora/base/error.h"
#include "matlora/nn/long_rope.h"

namespace matlora::eval {
namespace {

using Group = std::vector<Continuation>;

constexpr int64_t kLeastPrefix = 16;  // tokens; fewer are not worth a sequence

int64_t input_length(const Continuation& one) {
  return static_cast<int64_t>(one.tokens.size()) - 1;
}

/// Where in the group the same continuation is first: equal ones are scored once, so that equal
/// choices tie to the last bit.
size_t first_equal(const Group& group, size_t i) {
  const auto equal = [&](const Continuation& one) {
    return one.first == group[i].first && one.tokens == group[i].tokens;
  };
  return static_cast<size_t>(std::find_if(group.begin(), group.end(), equal) - group.begin());
}

/// How many tokens the inputs of both begin with alike, at most `most`.
int64_t shared_tokens(const Continuation& a, const Continuation& b, int64_t most) {
  const int64_t end = std::min({most, input_length(a), input_length(b)});
  const auto differ = std::mismatch(a.tokens.begin(), a.tokens.begin() + end, b.tokens.begin());
  return differ.first - a.tokens.begin();
}

int64_t shared_tokens(const Group& group) {
  int64_t shared = input_length(group.front());
  for (const Continuation& one : group) shared = shared_tokens(group.front(), one, shared);
  return shared;
}

/// Of all groups; no token that predicts a scored one is among them.
int64_t stem_length(std::span<const Group> groups) {
  if (groups.size() < 2) return 0;
  int64_t shared = std::numeric_limits<int64_t>::max();
  for (const Group& group : groups) {
    for (const Continuation& one : group) {
      shared = shared_tokens(groups[0][0], one, std::min(shared, one.first - 1));
    }
  }
  return shared < kLeastPrefix ? 0 : shared;
}

/// Whether the keys of a group's first `shared` tokens are those that each continuation has.
bool has_keys_of(const nn::Decoder& model, const Group& group, int64_t shared) {
  return std::none_of(group.begin(), group.end(), [&](const Continuation& one) {
    return nn::changes_keys(model, shared, input_length(one));
  });
}

/// stem_length, or 0 where one of the groups has other keys.
int64_t usable_stem(const nn::Decoder& model, std::span<const Group> groups) {
  const int64_t stem = stem_length(groups);
  const bool usable = std::all_of(groups.begin(), groups.end(), [&](const Group& group) {
    return has_keys_of(model, group, stem);
  });
  return usable ? stem : 0;
}

/// Tokens of several sequences that go through the layers together, and what of them is scored.
class Pass {
 public:
  /// The inputs [begin, end) of a continuation, for the sequence in `slot`.
  void add(const Continuation& one, int64_t begin, int64_t end, int64_t slot) {
    tokens_.insert(tokens_.end(), one.tokens.begin() + begin, one.tokens.begin() + end);
    parts_.push_back({slot, end - begin});
  }

  /// What of the last added inputs [begin, end) predicts scored tokens of `one`.
  void score(const Continuation& one, int64_t begin, int64_t end, double& result) {
    const int64_t first_row = static_cast<int64_t>(tokens_.size()) - (end - begin);
    for (int64_t i = std::max(begin, one.first - 1); i < std::min(end, input_length(one)); ++i) {
      rows_.push_back(first_row + i - begin);
      labels_.push_back(one.tokens[static_cast<size_t>(i + 1)]);
      results_.push_back(&result);
    }
  }

  void run(const nn::Decoder& model, nn::KvCache& cache) const {
    if (tokens_.empty()) return;
    const auto on_device = [&](const std::vector<int64_t>& numbers) {
      return at::tensor(numbers, at::kLong).to(model.device());
    };
    const at::Tensor h =
        model.hidden(on_device(tokens_), parts_, cache, on_device(rows_));  // [M, C]
    if (rows_.empty()) return;
    const at::Tensor losses =
        model.scores(h, on_device(labels_)).losses.to(at::kCPU, at::kDouble).contiguous();
    for (size_t i = 0; i < results_.size(); ++i) *results_[i] -= losses.const_data_ptr<double>()[i];
  }

 private:
  std::vector<int64_t> tokens_, rows_, labels_;
  std::vector<nn::NewTokens> parts_;
  std::vector<double*> results_;  // of each row
};

class Scorer {
 public:
  Scorer(const nn::Decoder& model, std::span<const Group> groups)
      : model_(model),
        groups_(groups),
        cache_(model.make_cache()),
        prefix_(usable_stem(model, groups)) {
    for (const Group& group : groups) results_.emplace_back(group.size());
    if (prefix_ == 0) return;
    prefix_slot_ = cache_.open(prefix_);
    Pass pass;
    pass.add(groups[0][0], 0, prefix_, prefix_slot_);
    pass.run(model_, cache_);
  }

  /// Groups [begin, end) in one pass: what each shares, then all tails. Layer after layer the tails
  /// read the keys of what they follow, which then are done with.
  void score(size_t begin, size_t end) {
    Pass pass;
    std::vector<int64_t> slots;  // those that others continue first
    std::vector<Context> contexts;
    for (size_t g = begin; g < end; ++g) contexts.push_back(add_context(g, pass, slots));
    for (const Context& context : contexts) add_tails(context, pass, slots);
    pass.run(model_, cache_);
    for (size_t g = begin; g < end; ++g) {
      for (size_t i = 0; i < groups_[g].size(); ++i) {
        results_[g][i] = results_[g][first_equal(groups_[g], i)];
      }
    }
    for (auto slot = slots.rbegin(); slot != slots.rend(); ++slot) cache_.close(*slot);
  }

  int64_t prefix() const { return prefix_; }  ///< tokens
  std::vector<std::vector<double>> take() { return std::move(results_); }

 private:
  /// What a group's continuations share: their first `shared` tokens, of which the last `own` are
  /// in `slot` with this pass and those before are the prefix (slot -1: there is none of both).
  struct Context {
    size_t group;
    int64_t shared, own, slot;
  };

  int64_t open_behind(int64_t slot, int64_t capacity, int64_t ahead) {
    return slot < 0 ? cache_.open(capacity, nn::Keep::pass)
                    : cache_.fork(slot, capacity, nn::Keep::pass, ahead);
  }

  Context add_context(size_t index, Pass& pass, std::vector<int64_t>& slots) {
    const Group& group = groups_[index];
    const int64_t shared = shared_tokens(group);
    if (shared <= prefix_ || !has_keys_of(model_, group, shared)) {
      return {index, prefix_, 0, prefix_slot_};
    }
    const int64_t slot = open_behind(prefix_slot_, shared - prefix_, 0);
    slots.push_back(slot);
    pass.add(group[0], prefix_, shared, slot);
    for (size_t i = 0; i < group.size(); ++i) {
      if (first_equal(group, i) == i) pass.score(group[i], prefix_, shared, results_[index][i]);
    }
    return {index, shared, shared - prefix_, slot};
  }

  void add_tails(const Context& context, Pass& pass, std::vector<int64_t>& slots) {
    const Group& group = groups_[context.group];
    for (size_t i = 0; i < group.size(); ++i) {
      const int64_t length = input_length(group[i]);
      if (length <= context.shared || first_equal(group, i) < i) continue;
      slots.push_back(open_behind(context.slot, length - context.shared, context.own));
      pass.add(group[i], context.shared, length, slots.back());
      pass.score(group[i], context.shared, length, results_[context.group][i]);
    }
  }

  const nn::Decoder& model_;
  std::span<const Group> groups_;
  nn::KvCache cache_;  // of this call, so of one adapter and rank
  int64_t prefix_, prefix_slot_ = -1;
  std::vector<std::vector<double>> results_;
};

void check_groups(std::span<const Group> groups) {
  for (const Group& group : groups) {
    check(!group.empty(), "likelihood: a group without continuations");
    for (const Continuation& one : group) {
      check(one.first > 0 && one.first <= input_length(one), "likelihood: first ", one.first,
            " of ", one.tokens.size(), " tokens");
    }
  }
}

/// The tokens that go through the layers for a group, but for the prefix.
int64_t tokens_of(const Group& group, int64_t prefix) {
  const int64_t shared = std::max(prefix, shared_tokens(group));
  int64_t sum = shared - prefix;
  for (const Continuation& one : group) sum += input_length(one) - shared;
  return sum;
}

}  // namespace

std::vector<std::vector<double>> score_continuations(const nn::Decoder& model,
                                                     std::span<const Group> groups,
                                                     const LikelihoodOptions& options) {
  check_groups(groups);
  const c10::NoGradGuard no_grad;
  Scorer scorer(model, groups);
  for (size_t begin = 0; begin < groups.size();) {
    if (options.stop && options.stop()) return {};
    size_t end = begin;
    int64_t tokens = 0;
    do {
      tokens += tokens_of(groups[end++], scorer.prefix());
    } while (end < groups.size() &&
             tokens + tokens_of(groups[end], scorer.prefix()) <= options.pass_tokens);
    scorer.score(begin, end);
    begin = end;
    if (options.done) options.done(end);
  }
  return scorer.take();
}

}  // namespace matlora::eval
