// Byte-level byte-pair encoding: the bytes of a piece are tokens at first; the pair of neighbours
// with the lowest rank is joined, leftmost first, until no pair of the merge list is left.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "matlora/text/model.h"
#include "matlora/text/models/bpe_json.h"
#include "matlora/text/models/merge_table.h"
#include "matlora/text/models/word_table.h"

namespace matlora::text {

class ByteLevelBpe : public Model {
 public:
  /// Bytes without a token are unknown. Tokens are written in byte-level characters (byte_level.h).
  /// Throws UserError at `where` when a merge names a token, or makes one, that the vocabulary
  /// lacks.
  ByteLevelBpe(const Vocabulary& vocabulary, const MergePairs& merges, BpeOptions options,
               const std::string& where);

  void encode(std::string_view piece, std::vector<int32_t>& ids) const override;
  bool in_bytes() const override { return true; }

 private:
  std::vector<int32_t> byte_ids(std::string_view piece) const;

  BpeOptions options_;
  std::array<int32_t, 256> byte_ids_;  // -1: no token
  MergeTable merges_;
  WordTable words_;  // pieces whose encoding is known to be one token
};

}  // namespace matlora::text
