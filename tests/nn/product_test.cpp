// The float32 kernel against float64 products: every remainder of tiles and panels, every layout.
// CMake runs these tests once per instruction set (MATLORA_CPU).
#include "matlora/nn/product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/support/tiny_llama.h"

namespace matlora::nn {
namespace {

using tests::random_tensor;

/// A matrix as it may lie in memory: by rows, by columns, or a part of something wider.
at::Tensor laid_out(int64_t rows, int64_t columns, int layout, uint64_t seed) {
  if (layout == 0) return random_tensor({rows, columns}, seed);
  if (layout == 1) return random_tensor({columns, rows}, seed).t();
  if (layout == 2) return random_tensor({rows, columns + 5}, seed).narrow(1, 3, columns);
  return random_tensor({rows, 2 * columns}, seed).slice(1, 0, 2 * columns, 2);
}

/// Largest error of c over what rounding brings: a sum of `depth` products of normal numbers, added
/// up one by one, passes through sums of the size √k, so its error is about depth · 2^-24 · 0.4.
double error(const at::Tensor& c, const at::Tensor& expected, int64_t depth) {
  const double unit = static_cast<double>(depth + 10) * 0x1p-24;
  return (c.to(at::kDouble) - expected).abs().max().item<double>() / unit;
}

void expect_product(int64_t rows, int64_t depth, int64_t columns, int layout_a, int layout_b) {
  const at::Tensor a = laid_out(rows, depth, layout_a, 1);
  const at::Tensor b = laid_out(depth, columns, layout_b, 2);
  const at::Tensor exact = at::mm(a.to(at::kDouble), b.to(at::kDouble));
  const auto what = [&] {
    return ::testing::Message() << rows << " x " << depth << " x " << columns << ", layouts "
                                << layout_a << layout_b;
  };
  EXPECT_LT(error(product(a, b), exact, depth), 3) << what();
  const at::Tensor all = random_tensor({rows, columns + 4}, 3);
  const at::Tensor before = all.clone();
  at::Tensor c = all.narrow(1, 2, columns);
  multiply(a, b, c, /*accumulate=*/true);
  const at::Tensor sum = exact + before.narrow(1, 2, columns).to(at::kDouble);
  EXPECT_LT(error(c, sum, depth + 1), 3) << what();
  EXPECT_TRUE(at::equal(all.narrow(1, 0, 2), before.narrow(1, 0, 2))) << what();
  EXPECT_TRUE(at::equal(all.narrow(1, columns + 2, 2), before.narrow(1, columns + 2, 2))) << what();
}

TEST(Product, EveryRemainderOfATile) {
  for (int64_t rows = 1; rows <= 17; ++rows) {
    for (const int64_t columns : {1, 5, 16, 31, 32, 33, 70}) expect_product(rows, 7, columns, 0, 0);
  }
}

TEST(Product, EveryLayoutAndDepth) {
  for (int a = 0; a < 4; ++a) {
    for (int b = 0; b < 4; ++b) {
      for (const int64_t depth : {1, 3, 64, 769, 1601}) expect_product(19, depth, 45, a, b);
    }
  }
}

TEST(Product, NothingToSumIsZero) {
  const at::Tensor a = at::empty({3, 0}), b = at::empty({0, 40});
  EXPECT_TRUE(at::equal(product(a, b), at::zeros({3, 40})));
  EXPECT_EQ(product(at::ones({0, 4}), at::ones({4, 3})).numel(), 0);
  EXPECT_EQ(product(at::ones({3, 4}), at::ones({4, 0})).numel(), 0);
}

TEST(Product, TheSameBitsForAnyNumberOfThreads) {
  const at::Tensor a = random_tensor({130, 800}, 1), b = random_tensor({800, 96}, 2);
  const int before = at::get_num_threads();
  const at::Tensor c = product(a, b);
  for (const int threads : {1, 2, 3, 5}) {
    at::set_num_threads(threads);
    EXPECT_TRUE(at::equal(product(a, b), c)) << threads;
  }
  at::set_num_threads(before);
}

/// Few rows: a linear layer's weight, or the first columns of one, in both dtypes.
void expect_few_rows(int64_t rows, int64_t depth, int64_t columns, at::ScalarType dtype) {
  const at::Tensor a = random_tensor({rows, depth + 3}, 1, dtype).narrow(1, 2, depth);
  const at::Tensor w = random_tensor({columns, depth + 5}, 2, dtype).narrow(1, 0, depth);
  const at::Tensor exact = at::mm(a.to(at::kDouble), w.to(at::kDouble).t());
  const at::Tensor all = random_tensor({rows, columns + 4}, 3, dtype);
  const at::Tensor sum = exact + all.narrow(1, 2, columns).to(at::kDouble);
  at::Tensor c = all.narrow(1, 2, columns);
  multiply(a, w.t(), c, /*accumulate=*/true);
  const auto what = [&] {
    return ::testing::Message() << rows << " x " << depth << " x " << columns << ", " << dtype;
  };
  if (dtype == at::kFloat) {
    EXPECT_LT(error(product(a, w.t()), exact, depth), 3) << what();
    EXPECT_LT(error(c, sum, depth + 1), 3) << what();
  } else {  // 8 bits, once; ATen's way may round before it adds
    EXPECT_LT(tests::relative_error(product(a, w.t()), exact), 0x1p-8) << what();
    EXPECT_LT(tests::relative_error(c, sum), 0x1p-7) << what();
  }
  const at::Tensor untouched = random_tensor({rows, columns + 4}, 3, dtype);
  EXPECT_TRUE(at::equal(all.narrow(1, 0, 2), untouched.narrow(1, 0, 2))) << what();
  EXPECT_TRUE(at::equal(all.narrow(1, columns + 2, 2), untouched.narrow(1, columns + 2, 2)))
      << what();
}

// Layers of one input together: the same bits as one by one.
TEST(Product, SeveralWeights) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const int64_t rows : {1, 4, 20, 40}) {
      const at::Tensor a = random_tensor({rows, 70}, 1, dtype);
      const std::vector<at::Tensor> weights = {random_tensor({300, 70}, 2, dtype),
                                               random_tensor({5, 70}, 3, dtype),
                                               random_tensor({97, 70}, 4, dtype)};
      const std::vector<at::Tensor> together = products(a, weights);
      ASSERT_EQ(together.size(), weights.size());
      for (size_t i = 0; i < weights.size(); ++i) {
        EXPECT_TRUE(at::equal(together[i], product(a, weights[i].t()))) << rows << ", " << i;
      }
    }
  }
}

TEST(Product, FewRows) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const int64_t rows : {1, 2, 3, 5, 6, 7, 8, 13, 31, 32, 33}) {
      for (const int64_t depth : {1, 15, 16, 33, 576}) {
        for (const int64_t columns : {1, 2, 4, 7, 64}) expect_few_rows(rows, depth, columns, dtype);
      }
    }
    expect_few_rows(7, 100, 5003, dtype);  // on several threads
  }
}

TEST(Product, ARowIsTheSameInAnyCompanyOfAFew) {
  if (std::getenv("MATLORA_CPU") != nullptr && std::string(std::getenv("MATLORA_CPU")) == "plain") {
    GTEST_SKIP() << "ATen promises no such thing";
  }
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor a = random_tensor({32, 577}, 1, dtype);
    const at::Tensor b = random_tensor({1001, 577}, 2, dtype).t();
    const at::Tensor many = product(a, b), three = product(a.narrow(0, 29, 3), b);
    for (const int64_t rows : {1, 2, 3, 4, 5, 8, 9, 16, 17, 31}) {
      const at::Tensor& all = rows <= 3 ? three : many;
      for (const int threads : {1, 2, 3}) {
        const int before = at::get_num_threads();
        at::set_num_threads(threads);
        EXPECT_TRUE(at::equal(product(a.narrow(0, 32 - rows, rows), b),
                              all.narrow(0, all.size(0) - rows, rows)))
            << rows;
        at::set_num_threads(before);
      }
    }
  }
}

TEST(Product, OtherDTypesAreATens) {
  for (const auto dtype : {at::kDouble, at::kBFloat16}) {
    const at::Tensor a = random_tensor({9, 4}, 1, dtype), b = random_tensor({4, 6}, 2, dtype);
    EXPECT_TRUE(at::equal(product(a, b), at::mm(a, b)));
  }
}

}  // namespace
}  // namespace matlora::nn
