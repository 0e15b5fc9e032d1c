#include "matlora/generate/decode.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "matlora/base/error.h"
#include "tests/support/tiny_llama.h"

namespace matlora::generate {
namespace {

const std::vector<int32_t> kPrompt = {3, 14, 15, 9};

DecodeOptions options_of(int64_t max_new_tokens) {
  DecodeOptions options;
  options.max_new_tokens = max_new_tokens;
  return options;
}

/// Greedy, the whole sequence anew for every token.
std::vector<int32_t> decode_slowly(const nn::Decoder& model, int64_t count) {
  std::vector<int64_t> ids(kPrompt.begin(), kPrompt.end());
  std::vector<int32_t> completion;
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<int64_t> length = {static_cast<int64_t>(ids.size())};
    const at::Tensor z = model.logits(model.hidden(at::tensor(ids, at::kLong), length));
    ids.push_back(z[-1].argmax().item<int64_t>());
    completion.push_back(static_cast<int32_t>(ids.back()));
  }
  return completion;
}

TEST(Decode, GreedyEqualsFullForwards) {
  const nn::Decoder model = tests::tiny_llama();
  EXPECT_EQ(decode(model, kPrompt, options_of(20)), decode_slowly(model, 20));
}

TEST(Decode, StopsBeforeAStopToken) {
  const nn::Decoder model = tests::tiny_llama();
  const std::vector<int32_t> whole = decode_slowly(model, 12);
  DecodeOptions options = options_of(12);
  options.stop_ids = {-1, whole[4]};
  const auto first = std::find(whole.begin(), whole.end(), whole[4]);
  EXPECT_EQ(decode(model, kPrompt, options), std::vector<int32_t>(whole.begin(), first));
}

TEST(Decode, CallsBackAndObeys) {
  const nn::Decoder model = tests::tiny_llama();
  std::vector<int32_t> seen;
  const auto completion = decode(model, kPrompt, options_of(10), [&](int32_t token) {
    seen.push_back(token);
    return seen.size() < 3;
  });
  EXPECT_EQ(completion.size(), 3u);
  EXPECT_EQ(seen, completion);
}

TEST(Decode, TheSeedDecides) {
  const nn::Decoder model = tests::tiny_llama();
  DecodeOptions options = options_of(30);
  options.sampling = {1.5, 0.95};
  const auto one = decode(model, kPrompt, options);
  EXPECT_EQ(one, decode(model, kPrompt, options));
  options.seed = 43;
  EXPECT_NE(one, decode(model, kPrompt, options));
}

TEST(Decode, Edges) {
  const nn::Decoder model = tests::tiny_llama();
  EXPECT_TRUE(decode(model, kPrompt, options_of(0)).empty());
  EXPECT_EQ(decode(model, kPrompt, options_of(1)).size(), 1u);
  EXPECT_THROW(decode(model, {}, options_of(1)), BugError);
}

}  // namespace
}  // namespace matlora::generate
