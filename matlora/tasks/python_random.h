// The generator of CPython's `random` module, of which lm-evaluation-harness draws its few-shot
// examples.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace matlora::tasks {

class PythonRandom {
 public:
  /// `random.Random(seed)`: init_by_array of Matsumoto and Nishimura's mt19937ar.c over the seed's
  /// 32-bit words.
  explicit PythonRandom(uint64_t seed);

  /// `_randbelow(n)`: uniform in 0..n-1. REQUIRES: 0 < n < 2^32.
  int64_t below(int64_t n);

  /// The indices of `sample(population, k)` for a population of n, by Lib/random.py's two ways:
  /// out of a shrinking pool where that is small, else by drawing again what was drawn before.
  /// REQUIRES: 0 <= k <= n < 2^32.
  std::vector<int64_t> sample(int64_t n, int64_t k);

 private:
  uint32_t next();  ///< 32 bits
  void refill();

  static constexpr size_t kWords = 624;
  std::array<uint32_t, kWords> state_;
  size_t used_ = kWords;
};

}  // namespace matlora::tasks
