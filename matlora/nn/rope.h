// Rotary position embedding (Su et al. 2021, arXiv 2104.09864) in the half-split layout of
// transformers: dimension i turns together with dimension i + D/2 by the angle p·f_i at position p,
//   f_i = theta^(-2i/D),  i in 0..D/2-1,
// and with the frequency scalings that Llama models use (transformers, modeling_rope_utils.py):
//   linear: f / factor
//   llama3: f / factor where the wavelength 2π/f exceeds L/low, f where it is below L/high, and
//           in between ((1-t)/factor + t)·f with t = (L/wavelength - low)/(high - low).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace matlora::nn {

/// f_i, D/2 of them, computed in float32 as transformers does. `head_dim` is even.
std::vector<float> rope_frequencies(int64_t head_dim, double theta);

/// The `linear` scaling of `frequencies`, in place.
void scale_linear(std::vector<float>& frequencies, double factor);

/// The `llama3` scaling of `frequencies`, in place; `original_length` is L, in tokens.
void scale_llama3(std::vector<float>& frequencies, double factor, double low_freq_factor,
                  double high_freq_factor, int64_t original_length);

/// What turns the heads of a layer. Fewer frequencies than D/2 leave the rest of a head as it is:
/// dimension i turns with i + d/2, d twice the number of frequencies (partial rotary embeddings).
struct Rope {
  at::Tensor frequencies;  // [d/2] float32
  double scale = 1;        // of cosines and sines
};

/// Cosines and sines of one forward pass, both [N, d/2] in the model's dtype.
struct Rotation {
  at::Tensor cos, sin;
};

/// positions: [N] int64, on the same device as the frequencies.
Rotation rotation(const at::Tensor& positions, const Rope& rope, at::ScalarType dtype);

/// x: [N, H, D] -> [N, H, D], every head turned by its token's angles.
at::Tensor rotate(const at::Tensor& x, const Rotation& by);

/// The same in ATen's operations: what the kernel is tested against, and other devices and dtypes
/// use.
at::Tensor plain_rotate(const at::Tensor& x, const Rotation& by);

}  // namespace matlora::nn
