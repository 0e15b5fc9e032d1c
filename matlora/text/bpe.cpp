#include "matlora/text/bpe.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <queue>
#include <tuple>

#include "matlora/base/error.h"
#include "matlora/text/byte_level.h"

namespace matlora::text {
namespace {

constexpr uint64_t kEmpty = std::numeric_limits<uint64_t>::max();  // ids are never negative
constexpr size_t kShort = 48;  // tokens up to which a scan per merge beats a heap

uint64_t key_of(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

int32_t require(const Vocabulary& vocabulary, const std::string& token, const std::string& where,
                size_t rank) {
  const auto id = vocabulary.id(token);
  if (!id) {
    fail(where, "merge ", rank, ": token '", printable(token), "' is not in the vocabulary");
  }
  return *id;
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

Bpe::Bpe(const Vocabulary& vocabulary, const Pairs& merges, BpeOptions options,
         const std::string& where)
    : options_(options), merges_(merges.size()) {
  for (int byte = 0; byte < 256; ++byte) {
    const char one[] = {static_cast<char>(byte), '\0'};
    byte_ids_[static_cast<size_t>(byte)] =
        vocabulary.id(to_byte_characters(std::string_view(one, 1))).value_or(-1);
  }
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const int32_t left_id = require(vocabulary, left, where, rank);
    const int32_t right_id = require(vocabulary, right, where, rank);
    const int32_t result = require(vocabulary, left + right, where, rank);
    merges_.add(left_id, right_id, {static_cast<uint32_t>(rank), result});
  }
  for (const auto& [content, id] : vocabulary.ids()) {
    auto word = from_byte_characters(content);
    if (!word || word->empty()) continue;
    if (!options_.ignore_merges) {
      std::vector<int32_t> ids = byte_ids(*word);
      merge(ids);
      if (ids != std::vector{id}) continue;
    }
    words_.emplace(std::move(*word), id);
  }
}

void Bpe::encode(std::string_view word, std::vector<int32_t>& ids) const {
  if (const auto known = words_.find(word); known != words_.end()) {
    ids.push_back(known->second);
    return;
  }
  std::vector<int32_t> parts = byte_ids(word);
  merge(parts);
  ids.insert(ids.end(), parts.begin(), parts.end());
}

bool Bpe::is_word(std::string_view word, int32_t id) const {
  const auto known = words_.find(word);
  return known != words_.end() && known->second == id;
}

std::vector<int32_t> Bpe::byte_ids(std::string_view word) const {
  std::vector<int32_t> ids;
  ids.reserve(word.size());
  bool after_unknown = false;
  for (const char byte : word) {
    const int32_t id = byte_ids_[static_cast<unsigned char>(byte)];
    const bool unknown = id < 0;
    if (!unknown) {
      ids.push_back(id);
    } else if (options_.unknown_id && !(after_unknown && options_.fuse_unknown)) {
      ids.push_back(*options_.unknown_id);
    }
    after_unknown = unknown;
  }
  return ids;
}

void Bpe::merge(std::vector<int32_t>& ids) const {
  if (ids.size() <= kShort) {
    merge_short(ids);
  } else {
    merge_long(ids);
  }
}

void Bpe::merge_short(std::vector<int32_t>& ids) const {
  constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  std::array<Merge, kShort> merges;  // of ids[i] and ids[i + 1]
  const auto look_up = [&](size_t i) {
    const Merge* found = i + 1 < ids.size() ? merges_.find(ids[i], ids[i + 1]) : nullptr;
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

void Bpe::merge_long(std::vector<int32_t>& ids) const {
  // A linked list of tokens; a token that was joined to its left neighbour becomes kGone. Heap
  // entries are not removed when their pair changes, but recognised as stale when they come up.
  constexpr int32_t kGone = -1;
  const size_t size = ids.size();
  using Candidate = std::tuple<uint32_t, size_t, int32_t>;  // rank, left position, result
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  std::vector<size_t> next(size), previous(size);
  const auto propose = [&](size_t left) {
    if (next[left] == size) return;
    const Merge* found = merges_.find(ids[left], ids[next[left]]);
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
    const Merge* found = merges_.find(ids[left], ids[right]);
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

}  // namespace matlora::text
