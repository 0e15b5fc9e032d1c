#include "matlora/nn/rms_norm.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "matlora/nn/rows.h"

namespace matlora::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// y and the rows' 1/rms [N] float32. w: [C] float32.
template <class T>
void normalise(const at::Tensor& x, const float* w, float eps, at::Tensor& y, at::Tensor& inverse) {
  const int64_t n = x.size(1);
  const T* in = x.const_data_ptr<T>();
  T* out = y.mutable_data_ptr<T>();
  float* r = inverse.mutable_data_ptr<float>();
  for_rows(x.size(0), n, [&](int64_t begin, int64_t end) {
    Scratch<T> scratch(2, n);
    for (int64_t i = begin; i < end; ++i) {
      const float* row = read_row(in + i * n, scratch.row(0), n);
      float* to = open_row(out + i * n, scratch.row(1));
      r[i] = inverse_rms(row, n, eps);
      (std::is_same_v<T, float> ? scale_by : scale_rounded_by)(row, r[i], w, to, n);
      write_row(out + i * n, to, n);
    }
  });
}

template <class T>
void differentiate(const at::Tensor& dy, const at::Tensor& x, const float* w,
                   const at::Tensor& inverse, at::Tensor& dx) {
  const int64_t n = x.size(1);
  const float* r = inverse.const_data_ptr<float>();
  for_rows(x.size(0), n, [&](int64_t begin, int64_t end) {
    Scratch<T> scratch(3, n);
    for (int64_t i = begin; i < end; ++i) {
      const float* up = read_row(dy.const_data_ptr<T>() + i * n, scratch.row(0), n);
      const float* row = read_row(x.const_data_ptr<T>() + i * n, scratch.row(1), n);
      float* to = open_row(dx.mutable_data_ptr<T>() + i * n, scratch.row(2));
      rms_norm_backward(up, row, w, r[i], to, n);
      write_row(dx.mutable_data_ptr<T>() + i * n, to, n);
    }
  });
}

struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            double eps) {
    const at::Tensor in = x.contiguous(), w = weight.to(at::kFloat).contiguous();
    at::Tensor y = at::empty_like(in), inverse = at::empty({x.size(0)}, w.options());
    for_dtype(in, [&](auto type) {
      normalise<decltype(type)>(in, w.const_data_ptr<float>(), static_cast<float>(eps), y, inverse);
    });
    context->save_for_backward({in, w, inverse});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor dy = gradients[0].contiguous();
    at::Tensor dx = at::empty_like(saved[0]);
    for_dtype(dx, [&](auto type) {
      differentiate<decltype(type)>(dy, saved[0], saved[1].const_data_ptr<float>(), saved[2], dx);
    });
    return {dx, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return has_kernels(x) ? RmsNorm::apply(x, weight, eps) : plain_rms_norm(x, weight, eps);
}

at::Tensor plain_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const bool wide = x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble;
  const at::Tensor x32 = wide ? x : x.to(at::kFloat);
  const at::Tensor inverse = at::rsqrt(x32.square().mean(-1, /*keepdim=*/true) + eps);  // [N, 1]
  return ((x32 * inverse).to(x.scalar_type()) * weight).to(x.scalar_type());
}

}  // namespace matlora::nn
