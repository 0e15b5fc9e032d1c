#include "matlora/generate/batch.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <numeric>

#include "matlora/base/error.h"
#include "matlora/generate/decode.h"
#include "tests/support/tiny_llama.h"

namespace matlora::generate {
namespace {

using Completions = std::map<size_t, std::vector<int32_t>>;

/// Prompts of 1 to 9 tokens, each with its own seed and number of new tokens.
std::vector<Request> requests_of(size_t count) {
  std::vector<Request> requests(count);
  for (size_t i = 0; i < count; ++i) {
    const at::Tensor tokens =
        tests::random_tokens(static_cast<int64_t>(1 + i * 4 % 9), 50, 100 + i);
    const int64_t* ids = tokens.const_data_ptr<int64_t>();
    requests[i].prompt.assign(ids, ids + tokens.numel());
    requests[i].options.max_new_tokens = static_cast<int64_t>(3 + i * 5 % 11);
    requests[i].options.seed = 7 + i;
  }
  return requests;
}

Completions run(const nn::Decoder& model, std::span<const Request> requests,
                int64_t max_sequences) {
  Completions completions;
  BatchEvents events;
  events.on_finished = [&](size_t index, const std::vector<int32_t>& completion) {
    EXPECT_FALSE(completions.contains(index)) << index;
    completions[index] = completion;
  };
  decode_batch(model, requests, max_sequences, events);
  return completions;
}

Completions one_at_a_time(const nn::Decoder& model, std::span<const Request> requests) {
  Completions completions;
  for (size_t i = 0; i < requests.size(); ++i) {
    completions[i] = decode(model, requests[i].prompt, requests[i].options);
  }
  return completions;
}

/// Completions by the whole sequence going through the model for every token.
Completions without_cache(const nn::Decoder& model, std::span<const Request> requests) {
  Completions completions;
  for (size_t i = 0; i < requests.size(); ++i) {
    std::vector<int64_t> tokens(requests[i].prompt.begin(), requests[i].prompt.end());
    for (int64_t n = 0; n < requests[i].options.max_new_tokens; ++n) {
      const auto length = static_cast<int64_t>(tokens.size());
      const at::Tensor h = model.hidden(at::tensor(tokens, at::kLong), std::vector{length});
      tokens.push_back(model.logits(h)[length - 1].argmax().item<int64_t>());
      completions[i].push_back(static_cast<int32_t>(tokens.back()));
    }
  }
  return completions;
}

// A sequence that grows beyond the original length is made again; a prefix is not shared across it.
TEST(DecodeBatch, LongropeTurnsAllKeysOfALongSequence) {
  nn::Decoder model = tests::tiny_llama({}, at::kDouble);
  model.ropes[0].long_frequencies = model.ropes[0].frequencies * 0.3;
  for (const int64_t original : {5, 12, 40}) {
    model.ropes[0].original_length = original;
    std::vector<Request> requests = requests_of(9);
    for (const bool shared : {false, true}) {
      if (shared) {
        const std::vector<int32_t> prefix(35, 7);
        for (Request& request : requests)
          request.prompt.insert(request.prompt.begin(), prefix.begin(), prefix.end());
      }
      const Completions expected = without_cache(model, requests);
      for (const int64_t max_sequences : {1, 4}) {
        EXPECT_EQ(run(model, requests, max_sequences), expected) << original << " " << shared;
      }
    }
  }
}

// Layers with windows drop keys; sequences share the first 90 tokens.
TEST(DecodeBatch, WindowsAreThoseOfTheWholeSequence) {
  nn::Decoder model = tests::tiny_llama({}, at::kDouble);
  model.layers[0].attention.window = 5;
  std::vector<Request> requests = requests_of(5);
  for (Request& request : requests) request.options.max_new_tokens *= 8;
  for (const bool shared : {false, true}) {
    if (shared) {
      for (Request& request : requests) request.prompt.insert(request.prompt.begin(), 90, 7);
    }
    EXPECT_EQ(run(model, requests, 3), without_cache(model, requests)) << shared;
  }
}

TEST(DecodeBatch, EqualsOnePromptAtATime) {
  const nn::Decoder model = tests::tiny_llama({}, at::kDouble);
  const std::vector<Request> requests = requests_of(13);
  const Completions expected = one_at_a_time(model, requests);
  // 5: sequences of different lengths end and the next ones take their places.
  for (const int64_t max_sequences : {1, 2, 5, 13, 100}) {
    EXPECT_EQ(run(model, requests, max_sequences), expected) << max_sequences;
  }
}

TEST(DecodeBatch, WhatAllPromptsBeginWithIsTakenInOnce) {
  const nn::Decoder model = tests::tiny_llama({}, at::kDouble);
  std::vector<Request> requests = requests_of(9);
  int64_t tokens = 0;
  for (Request& request : requests) {
    tokens += static_cast<int64_t>(request.prompt.size());
    std::vector<int32_t> stem(40);
    std::iota(stem.begin(), stem.end(), 0);
    request.prompt.insert(request.prompt.begin(), stem.begin(), stem.end());
  }
  EXPECT_EQ(run(model, requests, 4), one_at_a_time(model, requests));
  EXPECT_EQ(decode_batch(model, requests, 4, {}).prefill_tokens, 40 + tokens);
  // One that is all of it: the stem ends before its last token.
  requests[3].prompt.resize(40);
  EXPECT_EQ(run(model, requests, 4), one_at_a_time(model, requests));
}

TEST(DecodeBatch, LogitsThatAreNoNumbersAreAnErrorFromAnyThread) {
  nn::Decoder model = tests::tiny_llama();
  model.lm_head.weight.fill_(std::numeric_limits<double>::quiet_NaN());
  const std::vector<Request> requests = requests_of(9);
  EXPECT_THROW(decode_batch(model, requests, 9, {}), UserError);
}

TEST(DecodeBatch, StopsBetweenPasses) {
  const nn::Decoder model = tests::tiny_llama();
  const std::vector<Request> requests = requests_of(9);
  int tokens = 0;
  BatchEvents events;
  events.on_token = [&](size_t, int32_t) { return ++tokens > 0; };
  events.stop = [&] { return tokens >= 6; };
  decode_batch(model, requests, 3, events);
  EXPECT_EQ(tokens, 6);
  events.stop = [] { return true; };
  EXPECT_EQ(decode_batch(model, requests, 3, events).prefill_tokens, 0);
}

TEST(DecodeBatch, DrawsDependOnTheirOwnSeedOnly) {
  const nn::Decoder model = tests::tiny_llama({}, at::kDouble);
  std::vector<Request> requests = requests_of(9);
  for (Request& request : requests) request.options.sampling = {1.2, 0.9};
  const Completions expected = one_at_a_time(model, requests);
  EXPECT_EQ(run(model, requests, 4), expected);
  std::reverse(requests.begin(), requests.end());
  const Completions reversed = run(model, requests, 4);
  for (const auto& [index, completion] : expected) {
    EXPECT_EQ(reversed.at(requests.size() - 1 - index), completion) << index;
  }
}

TEST(DecodeBatch, StopsEachAtItsOwnTokens) {
  const nn::Decoder model = tests::tiny_llama({}, at::kDouble);
  std::vector<Request> requests = requests_of(8);
  for (Request& request : requests) request.options.max_new_tokens = 12;
  const Completions whole = run(model, requests, 3);
  for (size_t i = 0; i < requests.size(); ++i) requests[i].options.stop_ids = {whole.at(i)[i]};
  for (const auto& [index, completion] : run(model, requests, 3)) {
    const std::vector<int32_t>& all = whole.at(index);
    EXPECT_EQ(completion,
              std::vector<int32_t>(all.begin(), std::find(all.begin(), all.end(), all[index])));
  }
}

TEST(DecodeBatch, TellsEveryTokenAndObeys) {
  const nn::Decoder model = tests::tiny_llama();
  const std::vector<Request> requests = requests_of(6);
  Completions seen, finished;
  BatchEvents events;
  events.on_token = [&](size_t index, int32_t token) {
    seen[index].push_back(token);
    return index != 2 || seen[index].size() < 2;
  };
  events.on_finished = [&](size_t index, const std::vector<int32_t>& completion) {
    finished[index] = completion;
  };
  const DecodeStats stats = decode_batch(model, requests, 4, events);
  EXPECT_EQ(seen, finished);
  EXPECT_EQ(finished.at(2).size(), 2u);
  int64_t prompts = 0, later = 0;
  for (const auto& [index, completion] : finished) {
    prompts += static_cast<int64_t>(requests[index].prompt.size());
    later += static_cast<int64_t>(completion.size()) - 1;
  }
  EXPECT_EQ(stats.prefill_tokens, prompts);
  EXPECT_EQ(stats.decode_tokens, later);
  EXPECT_GT(stats.prefill_s, 0);
  EXPECT_GT(stats.decode_s, 0);
}

TEST(DecodeBatch, Edges) {
  const nn::Decoder model = tests::tiny_llama();
  EXPECT_TRUE(run(model, {}, 4).empty());
  std::vector<Request> requests = requests_of(3);
  requests[1].options.max_new_tokens = 0;
  for (const int64_t max_sequences : {1, 3}) {
    const Completions completions = run(model, requests, max_sequences);
    EXPECT_EQ(completions.size(), 3u);
    EXPECT_TRUE(completions.at(1).empty());
  }
  EXPECT_THROW(run(model, requests, 0), BugError);
  requests[2].prompt.clear();
  EXPECT_THROW(run(model, requests, 2), BugError);
}

}  // namespace
}  // namespace matlora::generate
