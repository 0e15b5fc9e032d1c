// SentencePiece's BPE by scores, as GGUF files have it: the characters of a piece are symbols at
// first; the two neighbours whose joined text is the token of the highest score are joined,
// leftmost first, until no two make a token. Rules: llama.cpp, src/llama-vocab.cpp at 00ad355,
// llm_tokenizer_spm_session.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "matlora/text/byte_tokens.h"
#include "matlora/text/model.h"

namespace matlora::text {

class ScoredPieces : public Model {
 public:
  /// scores[id] belongs to the token `id`. A symbol without a token is its byte tokens; a byte
  /// without one is `unknown_id`. REQUIRES: a score for each token.
  ScoredPieces(const Vocabulary& vocabulary, std::vector<float> scores, int32_t unknown_id);

  /// Takes n log n time for n characters.
  void encode(std::string_view piece, std::vector<int32_t>& ids) const override;
  bool in_bytes() const override { return false; }

 private:
  StringIds tokens_;
  std::vector<float> scores_;
  ByteIds byte_ids_;
  int32_t unknown_id_;
};

}  // namespace matlora::text
