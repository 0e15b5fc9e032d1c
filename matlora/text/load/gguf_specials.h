// What a GGUF vocabulary's special tokens are, beyond what its keys say: llama.cpp knows some by
// their texts. Rules: llama.cpp, src/llama-vocab.cpp at 00ad355, llama_vocab::impl::load.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "matlora/text/load/gguf.h"

namespace matlora::text {

/// Numbers of tokenizer.ggml.token_type.
enum GgufTokenType : int64_t {
  kNormalToken = 1,
  kUnknownToken = 2,
  kControlToken = 3,
  kUserDefinedToken = 4
};

struct GgufSpecials {
  std::vector<int64_t> types;  // by id: the file's, or those that the texts ask for
  std::vector<int32_t> ends;   // end a generation: those of keys (eos first), then by id
};

/// Throws UserError naming the key when token_types has another size than tokens, or when an id
/// of a special token is outside the vocabulary.
GgufSpecials gguf_specials(const GgufVocabulary& vocabulary);

/// Whether llama.cpp puts BOS in front whatever the file says: for Gemma 4.
bool always_adds_bos(const GgufVocabulary& vocabulary);

/// Whether llama.cpp puts BOS in front when the file does not say: for SentencePiece, and
/// for Llama 3's and Tekken's pre-tokenizers.
/// Without a bos_token_id there is none.
bool adds_bos_by_default(const GgufVocabulary& vocabulary);

}  // namespace matlora::text
