// Byte-pair encoding of text: the characters of a piece are tokens at first; neighbours are joined
// by the rank of their merge, as in byte_level_bpe.h. SentencePiece's models in tokenizer.json are
// of this kind, often with the whole text as one piece.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "matlora/text/byte_tokens.h"
#include "matlora/text/model.h"
#include "matlora/text/models/bpe_json.h"
#include "matlora/text/models/merge_table.h"

namespace matlora::text {

class SentencePieceBpe : public Model {
 public:
  /// A character without a token is its byte tokens (with options.byte_fallback, if each byte has
  /// one), else the unknown token, else nothing. Characters are looked up with options.prefix and
  /// options.suffix round them, where these belong. Throws UserError at `where` when a merge names
  /// a token, or makes one, that the vocabulary lacks.
  SentencePieceBpe(const Vocabulary& vocabulary, const MergePairs& merges, BpeOptions options,
                   const std::string& where);

  void encode(std::string_view piece, std::vector<int32_t>& ids) const override;
  bool in_bytes() const override { return false; }

 private:
  std::vector<int32_t> character_ids(std::string_view piece) const;

  BpeOptions options_;
  StringIds tokens_;
  ByteIds byte_ids_;
  MergeTable merges_;
};

}  // namespace matlora::text
