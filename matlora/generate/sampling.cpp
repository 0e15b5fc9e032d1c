#include "matlora/generate/sampling.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/nn/not_finite.h"
#include "matlora/nn/row_kernels.h"

namespace matlora::generate {
namespace {

/// exp((z - max z) / temperature): probabilities but for their sum. Divided after the subtraction,
/// so that no temperature overflows.
std::vector<double> weights(std::span<const float> logits, float largest, double temperature) {
  std::vector<double> result(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    result[i] = std::exp((static_cast<double>(logits[i]) - largest) / temperature);
  }
  return result;
}

/// How many of `order` (likeliest first) make up the nucleus.
size_t nucleus_size(std::span<const int32_t> order, std::span<const double> weight, double top_p) {
  const double target = top_p * std::accumulate(weight.begin(), weight.end(), 0.0);
  double sum = 0;
  for (size_t n = 0; n < order.size(); ++n) {
    sum += weight[static_cast<size_t>(order[n])];
    if (sum >= target) return n + 1;
  }
  return order.size();
}

/// The token whose share of the summed weights holds the point `unit` of [0, 1).
int32_t draw(std::span<const int32_t> order, std::span<const double> weight, double unit) {
  double total = 0;
  for (const int32_t id : order) total += weight[static_cast<size_t>(id)];
  double left = unit * total;
  for (const int32_t id : order) {
    left -= weight[static_cast<size_t>(id)];
    if (left < 0) return id;
  }
  return order.front();  // rounding left a crumb
}

}  // namespace

Sampler::Sampler(SamplingOptions options, uint64_t seed) : options_(options), random_(seed) {
  check(options.temperature >= 0 && std::isfinite(options.temperature), "temperature ",
        options.temperature);
  check(options.top_p > 0 && options.top_p <= 1, "top_p ", options.top_p);
}

int32_t Sampler::next(const at::Tensor& logits) {
  check(logits.dim() == 1 && logits.size(0) > 0, "logits of shape ", logits.sizes());
  const at::Tensor z = logits.detach().to(at::kCPU, at::kFloat).contiguous();
  const std::span<const float> row(z.const_data_ptr<float>(), static_cast<size_t>(z.numel()));
  const int64_t best = nn::find_largest(row.data(), z.numel());
  if (best < 0) {
    fail("generate", "the model's logits are not finite",
         nn::not_finite_hint(logits.scalar_type()));
  }
  if (options_.temperature == 0) return static_cast<int32_t>(best);

  const std::vector<double> weight =
      weights(row, row[static_cast<size_t>(best)], options_.temperature);
  std::vector<int32_t> order(row.size());
  std::iota(order.begin(), order.end(), 0);
  if (options_.top_p < 1) {
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return row[static_cast<size_t>(a)] > row[static_cast<size_t>(b)];
    });
    order.resize(nucleus_size(order, weight, options_.top_p));
  }
  const double unit = static_cast<double>(random_() >> 11) * 0x1p-53;
  return draw(order, weight, unit);
}

}  // namespace matlora::generate
