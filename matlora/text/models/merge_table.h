// The merges of a BPE model, by the ids of the two tokens that they join.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace matlora::text {

struct Merge {
  uint32_t rank;
  int32_t result;  // the id of the joined token
};

/// Open addressing, since the encoder asks it for every pair of neighbours.
class MergeTable {
 public:
  explicit MergeTable(size_t expected);

  /// A pair that is added again takes the later merge.
  void add(int32_t left, int32_t right, Merge merge);
  /// Null when the pair has no merge.
  const Merge* find(int32_t left, int32_t right) const;

 private:
  struct Slot {
    uint64_t key;
    Merge merge;
  };
  size_t slot_of(uint64_t key) const;

  std::vector<Slot> slots_;
  size_t mask_;
};

/// Joins neighbours of `ids` in place: the pair of the lowest rank first, of equal ones the
/// leftmost, until no pair has a merge. Takes n log n time for n ids.
void merge_all(const MergeTable& merges, std::vector<int32_t>& ids);

}  // namespace matlora::text
