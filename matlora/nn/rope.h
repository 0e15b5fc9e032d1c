// Rotary position embedding (Su et al. 2021, arXiv 2104.09864) in the half-split layout of
// transformers: dimension i turns together with dimension i + D/2 by the angle p·f_i at position p,
//   f_i = theta^(-2i/D),  i in 0..D/2-1,
// and with the frequency scalings that published models use (transformers, modeling_rope_utils.py):
//   linear: f / factor
//   llama3: f / factor where the wavelength 2π/f exceeds L/low, f where it is below L/high, and
//           in between ((1-t)/factor + t)·f with t = (L/wavelength - low)/(high - low).
//   yarn:   (t/factor + 1 - t)·f with t = (i - low)/(high - low) within 0..1, low and high the i of
//           the waves that turn beta_fast and beta_slow times in L tokens (Peng et al. 2023,
//           arXiv 2309.00071).
//   longrope: f / factor_i, with other factors for sequences of more than L tokens (Ding et al.
//   2024,
//           arXiv 2402.13753).
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

/// What `yarn` needs to know; L in tokens.
struct Yarn {
  double factor = 1, beta_fast = 32, beta_slow = 1;
  int64_t original_length = 0;  // L
  bool truncate = true;         // low down and high up to integers
};

/// The `yarn` scaling of `frequencies` of base `theta` (more than 1), in place.
void scale_yarn(std::vector<float>& frequencies, double theta, const Yarn& how);

/// Each frequency divided by its own factor, in place; as many factors as frequencies.
void divide_frequencies(std::vector<float>& frequencies, const std::vector<double>& factors);

/// What turns the heads of a layer. Fewer frequencies than D/2 leave the rest of a head as it is:
/// dimension i turns with i + d/2, d twice the number of frequencies (partial rotary embeddings).
struct Rope {
  at::Tensor frequencies;            // [d/2] float32
  double scale = 1;                  // of cosines and sines
  at::Tensor long_frequencies = {};  // [d/2], of sequences of more than original_length tokens
  int64_t original_length = 0;
};

/// Cosines and sines of one forward pass, both [N, d/2] in the model's dtype.
struct Rotation {
  at::Tensor cos, sin;
};

/// positions: [N] int64, on the same device as the frequencies. lengths: [N] int64, of each token's
/// sequence; only needed where there are long frequencies.
Rotation rotation(const at::Tensor& positions, const Rope& rope, at::ScalarType dtype,
                  const at::Tensor& lengths = {});

/// x: [N, H, D] -> [N, H, D], every head turned by its token's angles.
at::Tensor rotate(const at::Tensor& x, const Rotation& by);

/// The same in ATen's operations: what the kernel is tested against, and other devices and dtypes
/// use.
at::Tensor plain_rotate(const at::Tensor& x, const Rotation& by);

}  // namespace matlora::nn
