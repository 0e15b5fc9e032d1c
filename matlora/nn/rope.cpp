#include "matlora/nn/rope.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numbers>

namespace matlora::nn {

std::vector<float> rope_frequencies(int64_t head_dim, double theta) {
  std::vector<float> frequencies(static_cast<size_t>(head_dim / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    frequencies[i] = 1.0f / std::pow(static_cast<float>(theta), exponent);
  }
  return frequencies;
}

void scale_linear(std::vector<float>& frequencies, double factor) {
  for (float& f : frequencies) f /= static_cast<float>(factor);
}

void scale_llama3(std::vector<float>& frequencies, double factor, double low_freq_factor,
                  double high_freq_factor, int64_t original_length) {
  const double length = static_cast<double>(original_length);
  for (float& f : frequencies) {
    const double wavelength = 2 * std::numbers::pi / f;
    if (wavelength > length / low_freq_factor) {
      f = static_cast<float>(f / factor);
    } else if (wavelength >= length / high_freq_factor) {
      const double t =
          (length / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
      f = static_cast<float>((1 - t) * f / factor + t * f);
    }
  }
}

Rotation rotation(const at::Tensor& positions, const at::Tensor& frequencies,
                  at::ScalarType dtype) {
  const at::Tensor half = at::outer(positions.to(at::kFloat), frequencies);  // [N, D/2]
  const at::Tensor angles = at::cat({half, half}, -1).unsqueeze(1);          // [N, 1, D]
  return {angles.cos().to(dtype), angles.sin().to(dtype)};
}

at::Tensor rotate(const at::Tensor& x, const Rotation& by) {
  const int64_t half = x.size(-1) / 2;
  const at::Tensor turned = at::cat({-x.narrow(-1, half, half), x.narrow(-1, 0, half)}, -1);
  return x * by.cos + turned * by.sin;
}

}  // namespace matlora::nn
