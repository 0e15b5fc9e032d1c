#include "matlora/nn/decoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "matlora/base/error.h"
#include "tests/support/tiny_llama.h"

namespace matlora::nn {
namespace {

using tests::random_tokens;
using tests::relative_error;
using tests::tiny_llama;

TEST(Decoder, PackedSequencesEqualEachAlone) {
  const Decoder model = tiny_llama({}, at::kDouble);
  const std::vector<int64_t> lengths = {5, 1, 9};
  const at::Tensor tokens = random_tokens(15);
  const at::Tensor packed = model.logits(model.hidden(tokens, lengths));
  int64_t start = 0;
  for (const int64_t n : lengths) {
    const std::vector<int64_t> one = {n};
    const at::Tensor alone = model.logits(model.hidden(tokens.narrow(0, start, n), one));
    EXPECT_LT(relative_error(packed.narrow(0, start, n), alone), 1e-12) << "at " << start;
    start += n;
  }
}

TEST(Decoder, ATokenSeesOnlyItselfAndThoseBefore) {
  const Decoder model = tiny_llama({}, at::kDouble);
  const std::vector<int64_t> length = {8};
  at::Tensor tokens = random_tokens(8);
  const at::Tensor before = model.hidden(tokens, length);
  tokens = tokens.clone();
  tokens[5] = (tokens[5] + 1) % 50;
  const at::Tensor after = model.hidden(tokens, length);
  EXPECT_TRUE(at::equal(before.narrow(0, 0, 5), after.narrow(0, 0, 5)));
  EXPECT_GT(relative_error(after.narrow(0, 5, 3), before.narrow(0, 5, 3)), 1e-3);
}

// However a sequence is cut into pieces: whole, one token at a time, and a chunk after a prefill.
TEST(Decoder, CachedPiecesEqualTheWhole) {
  for (const int64_t kv_heads : {1, 2, 4}) {
    tests::TinySizes sizes;
    sizes.kv_heads = kv_heads;
    sizes.biases = true;
    const Decoder model = tiny_llama(sizes, at::kDouble);
    const at::Tensor tokens = random_tokens(12);
    const std::vector<int64_t> length = {12};
    const at::Tensor whole = model.hidden(tokens, length);
    for (const std::vector<int64_t>& pieces :
         {std::vector<int64_t>{12}, {5, 1, 1, 1, 1, 1, 1, 1}, {3, 4, 5}}) {
      KvCache cache = model.make_cache();
      const int64_t slot = cache.open(12);
      std::vector<at::Tensor> outputs;
      outputs.reserve(pieces.size());
      for (const int64_t n : pieces) {
        const std::vector<NewTokens> part = {{slot, n}};
        outputs.push_back(model.hidden(tokens.narrow(0, cache.length(slot), n), part, cache));
      }
      EXPECT_EQ(cache.length(slot), 12);
      EXPECT_LT(relative_error(at::cat(outputs), whole), 1e-12);
    }
  }
}

// Three sequences that begin and go on at different times, in any order within a call; one of them
// in the place of one that is done.
TEST(Decoder, CachedSequencesOfABatchEqualEachAlone) {
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
    const Decoder model = tiny_llama({}, dtype);
    const at::Tensor a = random_tokens(7, 50, 11), b = random_tokens(9, 50, 12),
                     c = random_tokens(4, 50, 13);
    const auto alone = [&](const at::Tensor& tokens) {
      return model.hidden(tokens, std::vector<int64_t>{tokens.size(0)});
    };
    const double tolerance = dtype == at::kDouble ? 1e-12 : 2e-6;
    KvCache cache = model.make_cache();
    const int64_t first = cache.open(7), second = cache.open(9);
    using Parts = std::vector<NewTokens>;

    at::Tensor h = model.hidden(at::cat({a.narrow(0, 0, 5), b.narrow(0, 0, 2)}),
                                Parts{{first, 5}, {second, 2}}, cache);
    EXPECT_LT(relative_error(h, at::cat({alone(a).narrow(0, 0, 5), alone(b).narrow(0, 0, 2)})),
              tolerance);
    h = model.hidden(at::cat({b.narrow(0, 2, 1), a.narrow(0, 5, 2)}),
                     Parts{{second, 1}, {first, 2}}, cache, at::tensor({0, 2}, at::kLong));
    EXPECT_LT(relative_error(h, at::cat({alone(b).narrow(0, 2, 1), alone(a).narrow(0, 6, 1)})),
              tolerance);

    cache.close(first);
    const int64_t third = cache.open(4);
    EXPECT_EQ(third, first);
    EXPECT_EQ(cache.length(third), 0);
    h = model.hidden(at::cat({c, b.narrow(0, 3, 6)}), Parts{{third, 4}, {second, 6}}, cache);
    EXPECT_LT(relative_error(h, at::cat({alone(c), alone(b).narrow(0, 3, 6)})), tolerance);
  }
}

/// Pieces of sequences that go on from each other, and what the model makes of a sequence alone.
struct LlamaForks : ::testing::Test {
  using Parts = std::vector<NewTokens>;

  /// Of the last `count` tokens of the pieces together.
  at::Tensor last(const at::TensorList& pieces, int64_t count) const {
    const at::Tensor tokens = at::cat(pieces);
    return model.hidden(tokens, std::vector<int64_t>{tokens.size(0)})
        .narrow(0, tokens.size(0) - count, count);
  }

  const Decoder model = tiny_llama({}, at::kDouble);
  const at::Tensor stem = random_tokens(6, 50, 11), a = random_tokens(3, 50, 12),
                   b = random_tokens(5, 50, 13), c = random_tokens(2, 50, 14);
};

// Two sequences go on from one, one of them further on from itself; what the first one takes in
// later is no part of them.
TEST_F(LlamaForks, EqualWholeSequences) {
  KvCache cache = model.make_cache();
  const int64_t first = cache.open(8);
  model.hidden(stem, Parts{{first, 6}}, cache);
  const int64_t second = cache.fork(first, 3), third = cache.fork(first, 5);
  EXPECT_EQ(cache.length(second), 6);
  at::Tensor h =
      model.hidden(at::cat({c, b, a}), Parts{{first, 2}, {third, 5}, {second, 3}}, cache);
  EXPECT_LT(
      relative_error(h, at::cat({last({stem, c}, 2), last({stem, b}, 5), last({stem, a}, 3)})),
      1e-12);
  const int64_t fourth = cache.fork(second, 2);
  EXPECT_EQ(cache.length(fourth), 9);
  h = model.hidden(c, Parts{{fourth, 2}}, cache);
  EXPECT_LT(relative_error(h, last({stem, a, c}, 2)), 1e-12);

  EXPECT_THROW(cache.close(second), BugError);
  cache.close(fourth);
  cache.close(second);
  EXPECT_THROW(cache.close(first), BugError);
  cache.close(third);
  cache.close(first);
}

// A context and what continues it in one pass, after a shared prefix and without, with the keys of
// one layer at a time only; the slots then serve another pass.
TEST_F(LlamaForks, OfOnePassEqualWholeSequences) {
  KvCache cache = model.make_cache();
  const int64_t beginning = cache.open(6);
  model.hidden(stem, Parts{{beginning, 6}}, cache);
  for (int pass = 0; pass < 2; ++pass) {
    const int64_t whole = cache.open(5, Keep::pass);
    const int64_t behind = cache.fork(beginning, 3, Keep::pass);
    const int64_t first = cache.fork(whole, 3, Keep::pass, /*ahead=*/5);
    const int64_t second = cache.fork(behind, 2, Keep::pass, /*ahead=*/3);
    EXPECT_EQ(cache.length(second), 9);
    const at::Tensor h = model.hidden(
        at::cat({b, a, a, c}), Parts{{whole, 5}, {behind, 3}, {first, 3}, {second, 2}}, cache);
    EXPECT_LT(relative_error(h, at::cat({last({b}, 5), last({stem, a}, 3), last({b, a}, 3),
                                         last({stem, a, c}, 2)})),
              1e-12);
    for (const int64_t slot : {second, first, behind, whole}) cache.close(slot);
  }
}

TEST(Decoder, AForkOfTokensThatDoNotComeIsABug) {
  const Decoder model = tiny_llama();
  KvCache cache = model.make_cache();
  const int64_t first = cache.open(4, Keep::pass);
  const int64_t fork = cache.fork(first, 2, Keep::pass, /*ahead=*/4);
  using Parts = std::vector<NewTokens>;
  EXPECT_THROW(model.hidden(random_tokens(5), Parts{{first, 3}, {fork, 2}}, cache), BugError);
}

TEST(Decoder, CacheOverflowAndClosedSlotsAreBugs) {
  const Decoder model = tiny_llama();
  KvCache cache = model.make_cache();
  const int64_t slot = cache.open(3);
  EXPECT_THROW(model.hidden(random_tokens(4), std::vector<NewTokens>{{slot, 4}}, cache), BugError);
  cache.close(slot);
  EXPECT_THROW(model.hidden(random_tokens(1), std::vector<NewTokens>{{slot, 1}}, cache), BugError);
  EXPECT_THROW(cache.close(slot), BugError);
  EXPECT_THROW(cache.open(0), BugError);
}

TEST(Decoder, TiedOutputLayerIsTheEmbedding) {
  tests::TinySizes sizes;
  sizes.tied = true;
  const Decoder model = tiny_llama(sizes);
  EXPECT_EQ(model.lm_head.weight.const_data_ptr(), model.embedding.const_data_ptr());
}

TEST(Decoder, LinearLayersHaveTransformersNames) {
  Decoder model = tiny_llama();
  std::vector<std::string> names;
  for_each_linear(model, [&](const std::string& name, Linear&) { names.push_back(name); });
  ASSERT_EQ(names.size(), 14u);
  EXPECT_EQ(names[0], "model.layers.0.self_attn.q_proj");
  EXPECT_EQ(names[3], "model.layers.0.self_attn.o_proj");
  EXPECT_EQ(names[13], "model.layers.1.mlp.down_proj");
}

TEST(Decoder, SomeRowsEqualThoseOfAll) {
  const Decoder model = tiny_llama({}, at::kDouble);
  const at::Tensor tokens = random_tokens(11);
  const std::vector<int64_t> lengths = {4, 7};
  const at::Tensor rows = at::tensor({1, 2, 6, 9, 10}, at::kLong);
  const at::Tensor expected = model.hidden(tokens, lengths).index_select(0, rows);
  EXPECT_LT(relative_error(model.hidden(tokens, lengths, rows), expected), 1e-13);
}

}  // namespace
}  // namespace matlora::nn
