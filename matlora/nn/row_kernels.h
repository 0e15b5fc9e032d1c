// The inner loops of nn over one row of float32 on a processor. Each is compiled for AVX-512, for
// AVX2 and for plain x86-64; which one runs is chosen when the program starts. Rows may not overlap
// unless a comment says so.
#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>

namespace matlora::nn {

/// 1 / sqrt(mean(x²) + eps)
float inverse_rms(const float* x, int64_t n, float eps);

/// y = x·factor ∘ w
void scale_by(const float* x, float factor, const float* w, float* y, int64_t n);

/// y = x rounded to bfloat16 after the multiplication by `factor`, then ∘ w
void scale_rounded_by(const float* x, float factor, const float* w, float* y, int64_t n);

/// The gradient of x·r ∘ w, r = inverse_rms(x): dx = r·(w∘dy - x·r²·mean(w∘dy∘x))
void rms_norm_backward(const float* dy, const float* x, const float* w, float r, float* dx,
                       int64_t n);

/// y = silu(gate) ∘ up,  silu(g) = g / (1 + exp(-g))
void swiglu_row(const float* gate, const float* up, float* y, int64_t n);

/// The gradients of swiglu_row.
void swiglu_backward_row(const float* dy, const float* gate, const float* up, float* dgate,
                         float* dup, int64_t n);

/// y = gelu(gate) ∘ up,  gelu(g) = g/2 · (1 + tanh(√(2/π) (g + 0.044715 g³)))
void geglu_row(const float* gate, const float* up, float* y, int64_t n);

/// The gradients of geglu_row.
void geglu_backward_row(const float* dy, const float* gate, const float* up, float* dgate,
                        float* dup, int64_t n);

/// (y1, y2) = (x1·c - x2·s, x2·c + x1·s), each of n numbers
void rotate_row(const float* x1, const float* x2, const float* c, const float* s, float* y1,
                float* y2, int64_t n);

/// What a row of logits says of its label.
struct RowScore {
  float loss;    // log Σ exp(z_v) - z_label
  bool correct;  // z_label is the first of the largest
};
/// Leaves exp(z - max z) in z; `sum` becomes their sum.
RowScore score_row(float* z, int64_t n, int64_t label, float& sum);

/// z = exp(z·factor - shift)
void exp_row(float* z, int64_t n, float factor, float shift);

/// z = cap·tanh(z·factor/cap)
void soft_cap_row(float* z, int64_t n, float factor, float cap);

/// The gradient of a softmax: ds = p ∘ (dp - along)·factor, along = Σ p∘dp. ds may be dp.
void softmax_backward_row(const float* p, const float* dp, float along, float factor, float* ds,
                          int64_t n);

/// The same of p = exp(cap·t - shift), t = tanh(z·factor/cap):  ds = p ∘ (dp - along) ∘ (1 -
/// t²)·factor. Leaves p in z. ds may be dp.
void capped_softmax_backward_row(float* z, const float* dp, float along, float factor, float cap,
                                 float shift, float* ds, int64_t n);

/// out_t = x · rows_t, rows: [count, n]
void dot_rows(const float* x, const float* rows, int64_t count, int64_t n, float* out);

/// y += Σ_t w_t rows_t, rows: [count, n], y: [n]
void add_rows(const float* w, const float* rows, int64_t count, int64_t n, float* y);

/// to = fromᵀ, both 16 rows of 16, `from_stride` and `to_stride` numbers apart.
void transpose_16(const float* from, int64_t from_stride, float* to, int64_t to_stride);

/// Raises `largest` to max z·factor where that is more, leaves exp(z·factor - largest) in z,
/// returns their sum. factor > 0.
float exponentials(float* z, int64_t n, float factor, float& largest);

/// The first of the largest numbers of a row; -1 when one of them is NaN or +infinity.
int64_t find_largest(const float* z, int64_t n);

/// z = z·factor
void scale(float* z, float factor, int64_t n);

/// Between bfloat16 and float32.
void widen(const c10::BFloat16* x, float* y, int64_t n);
void narrow(const float* x, c10::BFloat16* y, int64_t n);

}  // namespace matlora::nn
