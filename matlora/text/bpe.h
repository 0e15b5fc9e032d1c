// Byte-pair encoding of one word: its bytes are tokens at first; the pair of neighbours with the
// lowest rank is joined, leftmost first, until no pair of the merge list is left.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "matlora/text/vocabulary.h"

namespace matlora::text {

struct Merge {
  uint32_t rank;
  int32_t result;  // the id of the joined token
};

/// Merges by the ids of the pair; open addressing, since the encoder asks it for every pair.
class MergeTable {
 public:
  explicit MergeTable(size_t expected);

  /// A pair that is added again takes the later merge.
  void add(int32_t left, int32_t right, Merge merge);
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

struct BpeOptions {
  bool ignore_merges = false;  // a word that is a token is that token, whatever the merges say
  std::optional<int32_t> unknown_id;  // for bytes without a token; those are dropped without it
  bool fuse_unknown = false;          // a run of unknown bytes is one unknown token
};

class Bpe {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  /// Contents are written in byte-level characters. Throws UserError at `where` when a merge names
  /// a token, or makes one, that the vocabulary lacks.
  Bpe(const Vocabulary& vocabulary, const Pairs& merges, BpeOptions options,
      const std::string& where);

  /// Appends the ids of `word` (any bytes) to `ids`. Thread-safe.
  void encode(std::string_view word, std::vector<int32_t>& ids) const;

  /// Whether `word` is encoded as the one token `id`.
  bool is_word(std::string_view word, int32_t id) const;

 private:
  std::vector<int32_t> byte_ids(std::string_view word) const;
  void merge(std::vector<int32_t>& ids) const;
  void merge_short(std::vector<int32_t>& ids) const;
  void merge_long(std::vector<int32_t>& ids) const;

  BpeOptions options_;
  std::array<int32_t, 256> byte_ids_;  // -1: no token
  MergeTable merges_;
  StringIds words_;  // words whose encoding is known to be one token
};

}  // namespace matlora::text
