// What a model's logits are compared with: transformers', of one sequence, of two packed, and token
// by token.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <vector>

#include "matlora/nn/decoder.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_llama.h"

namespace matlora::tests {

/// `golden`: input_ids, logits; a. and b. of two more sequences.
inline void expect_logits(const nn::Decoder& decoder, const Golden& golden) {
  constexpr double kTolerance = 1e-5;
  const at::NoGradGuard no_grad;
  const at::Tensor ids = golden["input_ids"];
  const std::vector<int64_t> one = {ids.size(0)};
  const at::Tensor logits = decoder.logits(decoder.hidden(ids, one));
  EXPECT_LE(relative_error(logits, golden["logits"]), kTolerance);

  const at::Tensor a = golden["a.input_ids"], b = golden["b.input_ids"];
  const std::vector<int64_t> two = {a.size(0), b.size(0)};
  const at::Tensor packed = decoder.logits(decoder.hidden(at::cat({a, b}), two));
  EXPECT_LE(relative_error(packed, at::cat({golden["a.logits"], golden["b.logits"]})), kTolerance);

  nn::KvCache cache = decoder.make_cache();
  const std::vector<nn::NewTokens> next = {{cache.open(a.size(0)), 1}};
  std::vector<at::Tensor> steps;
  for (int64_t t = 0; t < a.size(0); ++t) {
    steps.push_back(decoder.logits(decoder.hidden(a.narrow(0, t, 1), next, cache)));
  }
  EXPECT_LE(relative_error(at::cat(steps), golden["a.logits"]), kTolerance);
  const std::vector<nn::NewTokens> whole = {{cache.open(b.size(0)), b.size(0)}};
  const at::Tensor filled = decoder.logits(decoder.hidden(b, whole, cache));
  EXPECT_LE(relative_error(filled, golden["b.logits"]), kTolerance);
}

}  // namespace matlora::tests
