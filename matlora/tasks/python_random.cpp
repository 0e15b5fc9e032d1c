#include "matlora/tasks/python_random.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "matlora/base/error.h"

namespace matlora::tasks {

PythonRandom::PythonRandom(uint64_t seed) {
  std::vector<uint32_t> key = {static_cast<uint32_t>(seed)};
  if (seed >> 32 != 0) key.push_back(static_cast<uint32_t>(seed >> 32));
  const auto mix = [](uint32_t word) { return word ^ (word >> 30); };
  state_[0] = 19650218;
  for (uint32_t i = 1; i < kWords; ++i) state_[i] = 1812433253 * mix(state_[i - 1]) + i;
  size_t i = 1;
  const auto advance = [&] {
    if (++i == kWords) {
      state_[0] = state_[kWords - 1];
      i = 1;
    }
  };
  for (size_t k = 0; k < kWords; ++k) {  // the key has at most two words
    const auto j = k % key.size();
    state_[i] = (state_[i] ^ (mix(state_[i - 1]) * 1664525)) + key[j] + static_cast<uint32_t>(j);
    advance();
  }
  for (size_t k = 1; k < kWords; ++k) {
    state_[i] = (state_[i] ^ (mix(state_[i - 1]) * 1566083941)) - static_cast<uint32_t>(i);
    advance();
  }
  state_[0] = 0x80000000;
}

void PythonRandom::refill() {
  constexpr size_t kShift = 397;
  for (size_t i = 0; i < kWords; ++i) {
    const uint32_t y = (state_[i] & 0x80000000) | (state_[(i + 1) % kWords] & 0x7fffffff);
    state_[i] = state_[(i + kShift) % kWords] ^ (y >> 1) ^ ((y & 1) != 0 ? 0x9908b0dfu : 0u);
  }
  used_ = 0;
}

uint32_t PythonRandom::next() {
  if (used_ == kWords) refill();
  uint32_t y = state_[used_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return y ^ (y >> 18);
}

int64_t PythonRandom::below(int64_t n) {
  check(n > 0 && n < int64_t{1} << 32, "random: below ", n);
  const int bits = std::bit_width(static_cast<uint64_t>(n));
  int64_t result = n;
  while (result >= n) result = next() >> (32 - bits);
  return result;
}

std::vector<int64_t> PythonRandom::sample(int64_t n, int64_t k) {
  check(k >= 0 && k <= n, "random: a sample of ", k, " of ", n);
  int64_t small = 21;  // what a set of k costs, in the words of a list
  if (k > 5) {
    int64_t size = 1;
    while (size < 3 * k) size *= 4;
    small += size;
  }
  std::vector<int64_t> result;
  if (n <= small) {
    std::vector<int64_t> pool(static_cast<size_t>(n));
    std::iota(pool.begin(), pool.end(), 0);
    for (int64_t i = 0; i < k; ++i) {
      const auto drawn = static_cast<size_t>(below(n - i));
      result.push_back(pool[drawn]);
      pool[drawn] = pool[static_cast<size_t>(n - i - 1)];
    }
    return result;
  }
  while (static_cast<int64_t>(result.size()) < k) {
    const int64_t drawn = below(n);
    if (std::find(result.begin(), result.end(), drawn) == result.end()) result.push_back(drawn);
  }
  return result;
}

}  // namespace matlora::tasks
