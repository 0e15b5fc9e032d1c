// What a layer with a window drops changes nothing: the same tokens in a cache that keeps all.
#include "matlora/nn/kv_cache.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <random>

#include "matlora/nn/cached_attention.h"
#include "tests/support/tiny_llama.h"

namespace matlora::nn {
namespace {

using tests::random_tensor;
using tests::relative_error;

constexpr int64_t kHeads = 4, kKeyHeads = 2, kDim = 16;

/// Two caches of three layers, with windows and without, that take in the same tokens.
class Twins {
 public:
  Twins() : dropping_(windows(), kKeyHeads, kDim, {}), keeping_({0, 0, 0}, kKeyHeads, kDim, {}) {}

  static std::vector<int64_t> windows() { return {5, 0, 70}; }

  int64_t open(int64_t capacity) {
    const int64_t slot = dropping_.open(capacity);
    EXPECT_EQ(keeping_.open(capacity), slot);
    return slot;
  }
  int64_t fork(int64_t slot, int64_t capacity, Keep keep, int64_t ahead) {
    const int64_t fork = dropping_.fork(slot, capacity, keep, ahead);
    EXPECT_EQ(keeping_.fork(slot, capacity, keep, ahead), fork);
    return fork;
  }
  void close(int64_t slot) {
    dropping_.close(slot);
    keeping_.close(slot);
  }

  /// One pass of new tokens, in which both must give the same.
  void take_in(const std::vector<NewTokens>& parts) {
    int64_t n = 0;
    for (const NewTokens& part : parts) n += part.count;
    for (int64_t layer = 0; layer < 3; ++layer) {
      const Attention how = {.window = windows()[static_cast<size_t>(layer)]};
      const at::Tensor q = random_tensor({n, kHeads, kDim}, ++seed_),
                       k = random_tensor({n, kKeyHeads, kDim}, ++seed_),
                       v = random_tensor({n, kKeyHeads, kDim}, ++seed_);
      const auto few = dropping_.append(layer, parts, k, v);
      const auto all = keeping_.append(layer, parts, k, v);
      const at::Tensor expected = plain_cached_attention(q, all, how);
      EXPECT_LE(relative_error(cached_attention(q, few, how), expected), 2e-6) << layer;
      EXPECT_LE(relative_error(plain_cached_attention(q, few, how), expected), 2e-6) << layer;
      EXPECT_LE(relative_error(cached_attention(q, all, how), expected), 2e-6) << layer;
    }
    dropping_.advance(parts);
    keeping_.advance(parts);
  }

  const KvCache& dropping() const { return dropping_; }
  const KvCache& keeping() const { return keeping_; }

 private:
  KvCache dropping_, keeping_;
  uint64_t seed_ = 0;
};

TEST(KvCache, DropsWhatNoWindowReaches) {
  Twins twins;
  const int64_t slot = twins.open(500);
  for (const int64_t count : {40, 1, 1, 60, 1, 150, 7}) twins.take_in({{slot, count}});
  for (int i = 0; i < 150; ++i) twins.take_in({{slot, 1}});
  // One layer of three keeps all; the others their windows and the slack.
  const int64_t token = 2 * kKeyHeads * kDim * 4;
  EXPECT_EQ(twins.keeping().bytes(), token * 3 * 500);
  EXPECT_EQ(twins.dropping().bytes(), token * (500 + 5 + 70 + 2 * KvCache::kSlack));
}

TEST(KvCache, ForksKeepWhatTheyContinue) {
  Twins twins;
  const int64_t origin = twins.open(600);
  twins.take_in({{origin, 130}});
  // Each fork follows the first 130 tokens, whatever the origin takes in later.
  const int64_t first = twins.fork(origin, 300, Keep::sequence, 0);
  twins.take_in({{origin, 90}, {first, 3}});
  const int64_t second = twins.fork(first, 200, Keep::sequence, 0);
  const int64_t passing = twins.fork(origin, 30, Keep::pass, 20);
  twins.take_in({{second, 2}, {origin, 20}, {passing, 30}, {first, 80}});
  twins.close(passing);
  for (int i = 0; i < 90; ++i) twins.take_in({{second, 1}, {first, 1}, {origin, 1}});
  twins.close(second);
  twins.close(first);
  twins.take_in({{origin, 100}});  // now it may drop again
  twins.close(origin);
  const int64_t again = twins.open(400);  // memory of a closed slot
  twins.take_in({{again, 33}});
  for (int i = 0; i < 60; ++i) twins.take_in({{again, 2}});
}

/// Any order of opening, forking, taking in and closing.
TEST(KvCache, RandomUse) {
  std::mt19937 random(5);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % uint64_t(n)); };
  struct Open {
    int64_t slot, space, forked_from;
  };
  Twins twins;
  std::vector<Open> open = {{twins.open(700), 700, -1}};
  for (int step = 0; step < 120; ++step) {
    std::vector<NewTokens> parts;
    for (Open& one : open) {
      const int64_t count = std::min(one.space, below(9) == 0 ? 1 + below(120) : below(3));
      if (count > 0) parts.push_back({one.slot, count});
      one.space -= std::max<int64_t>(count, 0);
    }
    if (!parts.empty()) twins.take_in(parts);
    const size_t at = static_cast<size_t>(below(static_cast<int64_t>(open.size())));
    const Open chosen = open[at];
    const bool is_origin = std::any_of(open.begin(), open.end(), [&](const Open& other) {
      return other.forked_from == chosen.slot;
    });
    if (open.size() < 5 && below(3) == 0) {
      const int64_t space = 1 + below(300);
      const bool fork = twins.dropping().length(chosen.slot) > 0 && below(3) > 0;
      open.push_back(
          fork ? Open{twins.fork(chosen.slot, space, Keep::sequence, 0), space, chosen.slot}
               : Open{twins.open(space), space, -1});
    } else if (open.size() > 1 && !is_origin && below(6) == 0) {
      twins.close(chosen.slot);
      open.erase(open.begin() + static_cast<int64_t>(at));
    }
  }
}

}  // namespace
}  // namespace matlora::nn
