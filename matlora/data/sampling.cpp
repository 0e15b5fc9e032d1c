#include "matlora/data/sampling.h"

#include <numeric>
#include <random>
#include <utility>

namespace matlora::data {

std::vector<int64_t> epoch_order(int64_t count, int64_t epoch, bool shuffle, uint64_t seed) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  if (!shuffle) return order;
  std::seed_seq sequence{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                         static_cast<uint32_t>(epoch)};
  std::mt19937_64 random(sequence);
  // Fisher-Yates; the modulo's bias is below 2^-40 for any file that fits a disk.
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

}  // namespace matlora::data
