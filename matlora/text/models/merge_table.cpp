#include "matlora/text/models/merge_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <limits>
#include <queue>
#include <tuple>

namespace matlora::text {
namespace {

constexpr uint64_t kEmpty = std::numeric_limits<uint64_t>::max();  // ids are never negative
constexpr size_t kShort = 48;  // tokens up to which a scan per merge beats a heap

uint64_t key_of(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

void merge_short(const MergeTable& table, std::vector<int32_t>& ids) {
  constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  std::array<Merge, kShort> merges;  // of ids[i] and ids[i + 1]
  const auto look_up = [&](size_t i) {
    const Merge* found = i + 1 < ids.size() ? table.find(ids[i], ids[i + 1]) : nullptr;
    merges[i] = found != nullptr ? *found : Merge{kNone, 0};
  };
  for (size_t i = 0; i < ids.size(); ++i) look_up(i);
  while (ids.size() > 1) {
    const auto last = merges.begin() + static_cast<std::ptrdiff_t>(ids.size()) - 1;
    const auto best = std::min_element(
        merges.begin(), last, [](const Merge& a, const Merge& b) { return a.rank < b.rank; });
    if (best->rank == kNone) return;
    const auto offset = best - merges.begin();
    const auto i = static_cast<size_t>(offset);
    ids[i] = best->result;
    ids.erase(ids.begin() + offset + 1);
    std::copy(best + 2, last + 1, best + 1);
    look_up(i);
    if (i > 0) look_up(i - 1);
  }
}

void merge_long(const MergeTable& table, std::vector<int32_t>& ids) {
  // A linked list of tokens; a token that was joined to its left neighbour becomes kGone. Heap
  // entries are not removed when their pair changes, but recognised as stale when they come up.
  constexpr int32_t kGone = -1;
  const size_t size = ids.size();
  using Candidate = std::tuple<uint32_t, size_t, int32_t>;  // rank, left position, result
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  std::vector<size_t> next(size), previous(size);
  const auto propose = [&](size_t left) {
    if (next[left] == size) return;
    const Merge* found = table.find(ids[left], ids[next[left]]);
    if (found != nullptr) queue.emplace(found->rank, left, found->result);
  };
  for (size_t i = 0; i < size; ++i) {
    next[i] = i + 1;
    previous[i] = i == 0 ? size : i - 1;
  }
  for (size_t i = 0; i < size; ++i) propose(i);
  while (!queue.empty()) {
    const auto [rank, left, result] = queue.top();
    queue.pop();
    if (ids[left] == kGone || next[left] == size) continue;
    const size_t right = next[left];
    const Merge* found = table.find(ids[left], ids[right]);
    if (found == nullptr || found->rank != rank) continue;
    ids[left] = result;
    ids[right] = kGone;
    next[left] = next[right];
    if (next[left] != size) previous[next[left]] = left;
    propose(left);
    if (previous[left] != size) propose(previous[left]);
  }
  std::erase(ids, kGone);
}

}  // namespace

MergeTable::MergeTable(size_t expected)
    : slots_(std::bit_ceil(expected * 2 + 2), Slot{kEmpty, {0, 0}}), mask_(slots_.size() - 1) {}

size_t MergeTable::slot_of(uint64_t key) const {
  size_t slot = (key * 0x9E3779B97F4A7C15U) >> 20 & mask_;
  while (slots_[slot].key != key && slots_[slot].key != kEmpty) slot = (slot + 1) & mask_;
  return slot;
}

void MergeTable::add(int32_t left, int32_t right, Merge merge) {
  const uint64_t key = key_of(left, right);
  slots_[slot_of(key)] = {key, merge};
}

const Merge* MergeTable::find(int32_t left, int32_t right) const {
  const Slot& slot = slots_[slot_of(key_of(left, right))];
  return slot.key == kEmpty ? nullptr : &slot.merge;
}

void merge_all(const MergeTable& merges, std::vector<int32_t>& ids) {
  if (ids.size() <= kShort) {
    merge_short(merges, ids);
  } else {
    merge_long(merges, ids);
  }
}

}  // namespace matlora::text
