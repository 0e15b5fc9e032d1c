#include "matlora/nn/swiglu.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "matlora/nn/rows.h"

namespace matlora::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What an activation does to a row, and the gradients.
struct Rows {
  void (*run)(const float* gate, const float* up, float* y, int64_t n);
  void (*backward)(const float* dy, const float* gate, const float* up, float* dgate, float* dup,
                   int64_t n);
};

Rows rows_of(Activation activation) {
  return activation == Activation::silu ? Rows{swiglu_row, swiglu_backward_row}
                                        : Rows{geglu_row, geglu_backward_row};
}

template <class T>
void activate(const Rows& rows, const at::Tensor& gate, const at::Tensor& up, at::Tensor& y) {
  const int64_t n = gate.size(1);
  const T *g = gate.const_data_ptr<T>(), *u = up.const_data_ptr<T>();
  T* out = y.mutable_data_ptr<T>();
  for_rows(gate.size(0), n, [&](int64_t begin, int64_t end) {
    Scratch<T> scratch(3, n);
    for (int64_t i = begin; i < end; ++i) {
      float* to = open_row(out + i * n, scratch.row(2));
      rows.run(read_row(g + i * n, scratch.row(0), n), read_row(u + i * n, scratch.row(1), n), to,
               n);
      write_row(out + i * n, to, n);
    }
  });
}

template <class T>
void differentiate(const Rows& rows, const at::Tensor& dy, const at::Tensor& gate,
                   const at::Tensor& up, at::Tensor& dgate, at::Tensor& dup) {
  const int64_t n = gate.size(1);
  for_rows(gate.size(0), n, [&](int64_t begin, int64_t end) {
    Scratch<T> scratch(5, n);
    for (int64_t i = begin; i < end; ++i) {
      T *to_gate = dgate.mutable_data_ptr<T>() + i * n, *to_up = dup.mutable_data_ptr<T>() + i * n;
      float *dg = open_row(to_gate, scratch.row(3)), *du = open_row(to_up, scratch.row(4));
      rows.backward(read_row(dy.const_data_ptr<T>() + i * n, scratch.row(0), n),
                    read_row(gate.const_data_ptr<T>() + i * n, scratch.row(1), n),
                    read_row(up.const_data_ptr<T>() + i * n, scratch.row(2), n), dg, du, n);
      write_row(to_gate, dg, n);
      write_row(to_up, du, n);
    }
  });
}

struct GatedUnit : torch::autograd::Function<GatedUnit> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate, const at::Tensor& up,
                            Activation activation) {
    const at::Tensor g = gate.contiguous(), u = up.contiguous();
    at::Tensor y = at::empty_like(g);
    for_dtype(g, [&](auto type) { activate<decltype(type)>(rows_of(activation), g, u, y); });
    context->save_for_backward({g, u});
    context->saved_data["activation"] = static_cast<int64_t>(activation);
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Rows rows = rows_of(static_cast<Activation>(context->saved_data["activation"].toInt()));
    const at::Tensor dy = gradients[0].contiguous();
    at::Tensor dgate = at::empty_like(dy), dup = at::empty_like(dy);
    for_dtype(dy, [&](auto type) {
      differentiate<decltype(type)>(rows, dy, saved[0], saved[1], dgate, dup);
    });
    return {dgate, dup, at::Tensor()};
  }
};

}  // namespace

at::Tensor gated_unit(const at::Tensor& gate, const at::Tensor& up, Activation activation) {
  return has_kernels(gate) ? GatedUnit::apply(gate, up, activation)
                           : plain_gated_unit(gate, up, activation);
}

at::Tensor plain_gated_unit(const at::Tensor& gate, const at::Tensor& up, Activation activation) {
  return (activation == Activation::silu ? at::silu(gate) : at::gelu(gate, "tanh")) * up;
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  return gated_unit(gate, up, Activation::silu);
}

at::Tensor plain_swiglu(const at::Tensor& gate, const at::Tensor& up) {
  return plain_gated_unit(gate, up, Activation::silu);
}

}  // namespace matlora::nn
