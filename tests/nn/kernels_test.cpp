// Every kernel of nn against its twin in ATen's operations: values and gradients, random shapes,
// float32 and bfloat16 against float64.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "matlora/nn/gemm.h"
#include "matlora/nn/loss.h"
#include "matlora/nn/packed_attention.h"
#include "matlora/nn/rms_norm.h"
#include "matlora/nn/rope.h"
#include "matlora/nn/row_kernels.h"
#include "matlora/nn/swiglu.h"
#include "tests/support/tiny_llama.h"

namespace matlora::nn {
namespace {

using tests::random_tensor;
using tests::relative_error;
using Tensors = std::vector<at::Tensor>;

/// Rows, width: nothing a multiple of a vector's width, and enough rows for every thread.
constexpr std::pair<int64_t, int64_t> kShapes[] = {{1, 1}, {1, 7}, {3, 16}, {5, 33}, {150, 576}};

struct Precision {
  at::ScalarType dtype;
  double tolerance;  // of the largest number
};
constexpr Precision kPrecisions[] = {{at::kFloat, 2e-6}, {at::kBFloat16, 1.6e-2}};

Tensors leaves(const Tensors& values, at::ScalarType dtype) {
  Tensors result;
  result.reserve(values.size());
  for (const at::Tensor& value : values) {
    result.push_back(value.to(dtype).detach().clone().requires_grad_());
  }
  return result;
}

/// Compares f on inputs of each precision with `plain` on the same numbers in float64: the output
/// and the gradients of all inputs for a random gradient of the output.
template <class F, class Plain>
void expect_twins(const Tensors& inputs, const F& f, const Plain& plain, const std::string& what) {
  for (const Precision& precision : kPrecisions) {
    const Tensors own = leaves(inputs, precision.dtype);
    const Tensors exact = leaves(Tensors(own.begin(), own.end()), at::kDouble);
    const at::Tensor y = f(own), expected = plain(exact);
    EXPECT_EQ(y.scalar_type(), precision.dtype);
    EXPECT_LT(relative_error(y, expected), precision.tolerance) << what;
    const at::Tensor dy = random_tensor(y.sizes(), 99, precision.dtype);
    const auto gradients = torch::autograd::grad({y}, own, {dy});
    const auto wanted = torch::autograd::grad({expected}, exact, {dy.to(at::kDouble)});
    for (size_t i = 0; i < gradients.size(); ++i) {
      EXPECT_LT(relative_error(gradients[i], wanted[i]), precision.tolerance)
          << what << ", gradient " << i << ", " << precision.dtype;
    }
  }
}

TEST(Kernels, RmsNorm) {
  for (const auto& [rows, width] : kShapes) {
    const at::Tensor weight = 1 + random_tensor({width}, 2, at::kDouble, 0.2).to(at::kBFloat16);
    const auto with = [&](auto f) {
      return [&, f](const Tensors& in) { return f(in[0], weight.to(in[0].scalar_type()), 1e-5); };
    };
    // One number alone has almost no gradient: what is left is eps.
    if (width == 1) continue;
    expect_twins({random_tensor({rows, width}, 1)}, with(rms_norm), with(plain_rms_norm),
                 std::to_string(width));
  }
}

TEST(Kernels, SwiGlu) {
  const auto on_two = [](auto f) { return [f](const Tensors& in) { return f(in[0], in[1]); }; };
  for (const auto& [rows, width] : kShapes) {
    expect_twins({random_tensor({rows, width}, 1, at::kFloat, 3), random_tensor({rows, width}, 2)},
                 on_two(swiglu), on_two(plain_swiglu), std::to_string(width));
  }
}

TEST(Kernels, GeGlu) {
  const auto with = [](auto f) {
    return [f](const Tensors& in) { return f(in[0], in[1], Activation::gelu_tanh); };
  };
  for (const auto& [rows, width] : kShapes) {
    expect_twins({random_tensor({rows, width}, 1, at::kFloat, 3), random_tensor({rows, width}, 2)},
                 with(gated_unit), with(plain_gated_unit), std::to_string(width));
  }
  const float big = 1e30f, nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor odd = at::tensor({big, -big, nan, 0.0f, -1e-20f}).unsqueeze(0).requires_grad_();
  const at::Tensor y = gated_unit(odd, at::ones_like(odd), Activation::gelu_tanh);
  const at::Tensor dy = torch::autograd::grad({y.sum()}, {odd})[0][0];
  EXPECT_EQ(y[0][0].item<float>(), big);
  EXPECT_NEAR(y[0][1].item<float>(), 0, 1e-6);
  EXPECT_TRUE(std::isnan(y[0][2].item<float>()));
  EXPECT_EQ(y[0][4].item<float>(), -5e-21f);
  EXPECT_EQ(dy[0].item<float>(), 1);
  EXPECT_NEAR(dy[1].item<float>(), 0, 1e-6);
  EXPECT_EQ(dy[3].item<float>(), 0.5f);
}

TEST(Kernels, Rotate) {
  for (const int64_t heads : {1, 3}) {
    for (const int64_t dim : {2, 6, 64}) {
      const at::Tensor positions = at::arange(70) * 3;
      const at::Tensor frequencies = at::tensor(rope_frequencies(dim, 10000), at::kFloat);
      const Rotation angles = rotation(positions, {frequencies}, at::kBFloat16);
      const auto with = [&](auto f) {
        return [&, f](const Tensors& in) {
          const at::ScalarType dtype = in[0].scalar_type();
          return f(in[0], Rotation{angles.cos.to(dtype), angles.sin.to(dtype)});
        };
      };
      expect_twins({random_tensor({70, heads, dim}, 1)}, with(rotate), with(plain_rotate),
                   std::to_string(dim));
    }
  }
}

TEST(Kernels, PackedAttention) {
  // Heads, key heads, head_dim; lengths around the kernel's blocks of queries and of columns.
  const std::vector<std::vector<int64_t>> packs = {{4, 9}, {5, 1, 33}, {64, 65, 130}};
  for (const auto& [heads, kv_heads, dim] :
       {std::tuple<int64_t, int64_t, int64_t>{1, 1, 2}, {4, 2, 6}, {9, 3, 64}, {2, 1, 40}}) {
    for (const std::vector<int64_t>& lengths : packs) {
      const int64_t n = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
      const Attention how = {.scale = dim == 6 ? 0.7 : 0};  // the model's own, or 1/√D
      const auto on_three = [&](auto f) {
        return
            [&lengths, how, f](const Tensors& in) { return f(in[0], in[1], in[2], lengths, how); };
      };
      expect_twins({random_tensor({n, heads, dim}, 1), random_tensor({n, kv_heads, dim}, 2),
                    random_tensor({n, kv_heads, dim}, 3)},
                   on_three(packed_attention), on_three(plain_packed_attention),
                   std::to_string(n) + " tokens, head_dim " + std::to_string(dim));
    }
  }
}

TEST(Kernels, PackedAttentionWithWindowsAndSoftCaps) {
  const std::vector<std::vector<int64_t>> packs = {{4, 9}, {5, 1, 33}, {64, 65, 200}};
  for (const Attention& how :
       {Attention{.window = 2}, Attention{.window = 5}, Attention{.window = 64},
        Attention{.window = 100}, Attention{.window = 1000}, Attention{.soft_cap = 2},
        Attention{.scale = 0.3, .soft_cap = 0.5},
        Attention{.scale = 0.7, .soft_cap = 50, .window = 17}}) {
    for (const auto& [heads, kv_heads, dim] :
         {std::tuple<int64_t, int64_t, int64_t>{1, 1, 2}, {4, 2, 64}}) {
      for (const std::vector<int64_t>& lengths : packs) {
        const int64_t n = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
        const auto on_three = [&](auto f) {
          return [&, f](const Tensors& in) { return f(in[0], in[1], in[2], lengths, how); };
        };
        expect_twins({random_tensor({n, heads, dim}, 1), random_tensor({n, kv_heads, dim}, 2),
                      random_tensor({n, kv_heads, dim}, 3)},
                     on_three(packed_attention), on_three(plain_packed_attention),
                     std::to_string(n) + " tokens, head_dim " + std::to_string(dim) + ", window " +
                         std::to_string(how.window) + ", soft cap " + std::to_string(how.soft_cap));
      }
    }
  }
}

TEST(Kernels, ScoreLabels) {
  // The last vocabulary is so large that its logits come in pieces.
  for (const auto& [rows, vocabulary] :
       {std::pair<int64_t, int64_t>{1, 2}, {5, 17}, {40, 1000}, {150, 100000}}) {
    const at::Tensor weight = random_tensor({vocabulary, 4}, 2, at::kBFloat16);
    const at::Tensor labels = tests::random_tokens(rows, vocabulary);
    for (const Precision& precision : kPrecisions) {
      const Tensors own = leaves({random_tensor({rows, 4}, 1)}, precision.dtype);
      const Tensors exact = leaves({own[0]}, at::kDouble);
      const LabelScores scores = score_labels(own[0], weight.to(precision.dtype), labels);
      const LabelScores plain = plain_score_labels(exact[0], weight.to(at::kDouble), labels);
      EXPECT_EQ(scores.losses.scalar_type(), at::kFloat);
      EXPECT_LT(relative_error(scores.losses, plain.losses), precision.tolerance) << vocabulary;
      if (precision.dtype == at::kFloat) {
        EXPECT_TRUE(at::equal(scores.correct, plain.correct));
      }
      const at::Tensor dy = random_tensor({rows}, 5);
      const auto gradient = torch::autograd::grad({scores.losses}, own, {dy});
      const auto wanted = torch::autograd::grad({plain.losses}, exact, {dy.to(at::kDouble)});
      // Without a kernel the sums over the vocabulary are ATen's, one number after the other.
      const double slack = has_gemm() ? 1 : 1 + 1e-3 * static_cast<double>(vocabulary);
      EXPECT_LT(relative_error(gradient[0], wanted[0]), slack * precision.tolerance) << vocabulary;
    }
  }
}

TEST(Kernels, ScoreLabelsInFloat64IsExact) {
  const at::Tensor weight = random_tensor({50, 4}, 2, at::kDouble);
  const at::Tensor labels = tests::random_tokens(9);
  const at::Tensor h = random_tensor({9, 4}, 1, at::kDouble).requires_grad_();
  const LabelScores scores = score_labels(h, weight, labels);
  const LabelScores plain = plain_score_labels(h, weight, labels);
  EXPECT_LT(relative_error(scores.losses, plain.losses), 1e-13);
  EXPECT_TRUE(at::equal(scores.correct, plain.correct));
  const auto gradient = torch::autograd::grad({scores.losses.sum()}, {h});
  const auto wanted = torch::autograd::grad({plain.losses.sum()}, {h});
  EXPECT_LT(relative_error(gradient[0], wanted[0]), 1e-13);
}

TEST(Kernels, TheFirstOfEqualLogitsIsTheChoice) {
  float z[] = {1, 3, 3, 2};
  float sum = 0;
  EXPECT_TRUE(score_row(std::vector<float>(z, z + 4).data(), 4, 1, sum).correct);
  EXPECT_FALSE(score_row(std::vector<float>(z, z + 4).data(), 4, 2, sum).correct);
  const RowScore score = score_row(z, 4, 3, sum);
  EXPECT_NEAR(score.loss, std::log(std::exp(-1.0) + 2 * std::exp(1.0) + 1), 1e-6);
  EXPECT_NEAR(sum, std::exp(-2.0) + 2 + std::exp(-1.0), 1e-6);
}

// exp through silu(g) = g/(1 + exp(-g)) on a fine grid, and far outside of what exp can hold.
TEST(Kernels, ExponentialIsExactToAFewUnits) {
  const at::Tensor gate = at::linspace(-80, 80, 20001, at::kFloat).unsqueeze(0);
  const at::Tensor own = swiglu(gate, at::ones_like(gate)).to(at::kDouble);
  const at::Tensor exact = at::silu(gate.to(at::kDouble));
  const at::Tensor error = ((own - exact) / exact).abs().nan_to_num(0);
  EXPECT_LT(error.max().item<double>(), 5e-7);
  const float big = 1e30f, nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor odd = at::tensor({big, -big, nan, 0.0f}).unsqueeze(0);
  const at::Tensor y = swiglu(odd, at::ones_like(odd)).squeeze(0);
  EXPECT_EQ(y[0].item<float>(), big);
  EXPECT_NEAR(y[1].item<float>(), 0, 1e-6);
  EXPECT_TRUE(std::isnan(y[2].item<float>()));
  EXPECT_EQ(y[3].item<float>(), 0);
}

// tanh through a cap of 1, also where it is as small as its argument.
TEST(Kernels, TanhIsExactToAFewUnits) {
  const at::Tensor x = at::cat({at::linspace(-30, 30, 20001, at::kFloat),
                                at::tensor({1e-30, -1e-12, 1e-4, 1e30, -1e30}, at::kFloat)});
  const at::Tensor own = x.clone(), exact = at::tanh(x.to(at::kDouble));
  soft_cap_row(own.mutable_data_ptr<float>(), own.numel(), /*factor=*/1, /*cap=*/1);
  const at::Tensor error = ((own.to(at::kDouble) - exact) / exact).abs().nan_to_num(0);
  EXPECT_LT(error.max().item<double>(), 5e-7);
}

TEST(Kernels, BFloat16RoundsAsATen) {
  const at::Tensor x = at::cat({random_tensor({1000}, 1, at::kFloat, 1e3),
                                at::tensor({0.0, -0.0, 1e-40, 3.4e38, 1.00390625, 1.01171875,
                                            std::numeric_limits<double>::infinity()},
                                           at::kFloat)});
  at::Tensor own = at::empty_like(x, at::kBFloat16);
  narrow(x.const_data_ptr<float>(), own.mutable_data_ptr<c10::BFloat16>(), x.numel());
  EXPECT_TRUE(at::equal(own, x.to(at::kBFloat16)));
  at::Tensor back = at::empty_like(x);
  widen(own.const_data_ptr<c10::BFloat16>(), back.mutable_data_ptr<float>(), x.numel());
  EXPECT_TRUE(at::equal(back, own.to(at::kFloat)));
}

}  // namespace
}  // namespace matlora::nn
