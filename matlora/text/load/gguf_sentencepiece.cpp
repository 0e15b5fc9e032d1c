// A GGUF file's vocabulary for SentencePiece's BPE: tokenizer.ggml.model "llama".
#include <utility>

#include "matlora/base/error.h"
#include "matlora/text/byte_tokens.h"
#include "matlora/text/decoders/kinds.h"
#include "matlora/text/load/gguf_models.h"
#include "matlora/text/models/scored_pieces.h"
#include "matlora/text/normalizers/kinds.h"
#include "matlora/text/pattern.h"

namespace matlora::text {
namespace {

constexpr const char* kSpace = "\u2581";

std::vector<float> read_scores(const GgufVocabulary& source) {
  if (source.scores.size() != source.tokens.size()) {
    fail(source.where, "tokenizer.ggml.scores: expected ", source.tokens.size(),
         " numbers, one for each token, got ", source.scores.size());
  }
  return source.scores;
}

int32_t unknown_id(const GgufVocabulary& source) {
  const int64_t id = source.unknown_token_id.value_or(0);
  if (id < 0 || static_cast<uint64_t>(id) >= source.tokens.size()) {
    fail(source.where, "tokenizer.ggml.unknown_token_id: expected less than ", source.tokens.size(),
         ", got ", id);
  }
  return static_cast<int32_t>(id);
}

}  // namespace

void fill_sentencepiece(const GgufVocabulary& source, Stages& stages) {
  const bool prefixed = source.add_space_prefix.value_or(true);
  if (prefixed) stages.normalizer.add(prepend(" "));
  stages.normalizer.add(replace_text(" ", kSpace));
  stages.model =
      std::make_unique<ScoredPieces>(stages.vocabulary, read_scores(source), unknown_id(source));
  stages.decoder.add([space = literal_pattern(kSpace)](std::string_view token) {
    if (const auto byte = byte_of_token(token)) return std::string(1, static_cast<char>(*byte));
    return replace_matches(token, space, " ");
  });
  stages.decoder.fuse();
  if (prefixed) add_strip(stages.decoder, " ", /*start=*/1, /*stop=*/0);
}

}  // namespace matlora::text
