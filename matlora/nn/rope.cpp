#include "matlora/nn/rope.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "matlora/base/error.h"
#include "matlora/nn/rows.h"

namespace matlora::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <class T>
void turn(const at::Tensor& x, const float* cos, const float* sin, at::Tensor& y) {
  const int64_t heads = x.size(1), dim = x.size(2), half = dim / 2;
  const T* in = x.const_data_ptr<T>();
  T* out = y.mutable_data_ptr<T>();
  for_rows(x.size(0), heads * dim, [&](int64_t begin, int64_t end) {
    Scratch<T> scratch(2, dim);
    for (int64_t row = begin * heads; row < end * heads; ++row) {
      const float* from = read_row(in + row * dim, scratch.row(0), dim);
      float* to = open_row(out + row * dim, scratch.row(1));
      const int64_t angles = row / heads * half;
      rotate_row(from, from + half, cos + angles, sin + angles, to, to + half, half);
      write_row(out + row * dim, to, dim);
    }
  });
}

at::Tensor turned(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const at::Tensor in = x.contiguous();
  at::Tensor y = at::empty_like(in);
  for_dtype(in, [&](auto type) {
    turn<decltype(type)>(in, cos.const_data_ptr<float>(), sin.const_data_ptr<float>(), y);
  });
  return y;
}

struct Rotate : torch::autograd::Function<Rotate> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& cos,
                            const at::Tensor& sin) {
    const at::Tensor c = cos.to(at::kFloat).contiguous(), s = sin.to(at::kFloat).contiguous();
    context->save_for_backward({c, s});
    return turned(x, c, s);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    return {turned(gradients[0], saved[0], -saved[1]), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

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

void scale_yarn(std::vector<float>& frequencies, double theta, const Yarn& how) {
  const double dims = 2 * static_cast<double>(frequencies.size());
  const auto index_of = [&](double turns) {
    const double wavelength = static_cast<double>(how.original_length) / turns;
    return dims * std::log(wavelength / (2 * std::numbers::pi)) / (2 * std::log(theta));
  };
  double low = index_of(how.beta_fast), high = index_of(how.beta_slow);
  if (how.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dims - 1);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double t = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] = static_cast<float>(frequencies[i] * (t / how.factor + 1 - t));
  }
}

void divide_frequencies(std::vector<float>& frequencies, const std::vector<double>& factors) {
  check(frequencies.size() == factors.size(), "rope: not as many factors as frequencies");
  for (size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= static_cast<float>(factors[i]);
}

Rotation rotation(const at::Tensor& positions, const Rope& rope, at::ScalarType dtype,
                  const at::Tensor& lengths) {
  const at::Tensor at = positions.to(at::kFloat);
  at::Tensor angles = at::outer(at, rope.frequencies);  // [N, d/2]
  if (rope.long_frequencies.defined()) {
    check(lengths.defined(), "rope: long frequencies without the lengths of sequences");
    const at::Tensor is_long = lengths.gt(rope.original_length).unsqueeze(1);  // [N, 1]
    angles = at::where(is_long, at::outer(at, rope.long_frequencies), angles);
  }
  at::Tensor cos = angles.cos(), sin = angles.sin();
  if (rope.scale != 1) {
    cos = cos * rope.scale;
    sin = sin * rope.scale;
  }
  return {cos.to(dtype), sin.to(dtype)};
}

at::Tensor rotate(const at::Tensor& x, const Rotation& by) {
  if (const int64_t turned = 2 * by.cos.size(1); turned < x.size(-1)) {
    const at::Tensor rest = x.narrow(-1, turned, x.size(-1) - turned);
    return at::cat({rotate(x.narrow(-1, 0, turned), by), rest}, -1);
  }
  return has_kernels(x) ? Rotate::apply(x, by.cos, by.sin) : plain_rotate(x, by);
}

at::Tensor plain_rotate(const at::Tensor& x, const Rotation& by) {
  const int64_t half = x.size(-1) / 2;
  const at::Tensor x1 = x.narrow(-1, 0, half), x2 = x.narrow(-1, half, half);
  const at::Tensor c = by.cos.unsqueeze(1), s = by.sin.unsqueeze(1);  // [N, 1, D/2]
  return at::cat({x1 * c - x2 * s, x2 * c + x1 * s}, -1);
}

}  // namespace matlora::nn
