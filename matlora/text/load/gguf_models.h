// What a GGUF file's vocabulary needs besides its tokens, by tokenizer.ggml.model: a file each.
#pragma once

#include <string>
#include <vector>

#include "matlora/text/load/gguf.h"
#include "matlora/text/models/bpe_json.h"
#include "matlora/text/stages.h"

namespace matlora::text {

/// "gpt2". Gets the stages with vocabulary and added tokens, fills in normalizer, pre-tokenizer,
/// model and decoder. Throws UserError naming the key that is unknown or malformed.
void fill_byte_level_bpe(const GgufVocabulary& source, Stages& stages);

/// "gemma4", and "gpt2" with the tokenizer.ggml.pre of that name. The same.
void fill_text_bpe(const GgufVocabulary& source, Stages& stages);

/// "left right" of tokenizer.ggml.merges. Throws UserError naming one that is not of that form.
MergePairs gguf_merges(const GgufVocabulary& source);
/// What tokenizer.ggml.pre means, in this order: NFC, digits one by one, cuts at what each pattern
/// matches.
struct BytePre {
  bool nfc = false, digits = false, ignore_merges = false;
  std::vector<std::string> patterns;
};

/// Throws UserError for a `pre` that is not known.
BytePre byte_level_pre(const GgufVocabulary& source);

/// All that are known.
std::vector<std::string> byte_level_pre_names();

/// "llama". The same.
void fill_sentencepiece(const GgufVocabulary& source, Stages& stages);

}  // namespace matlora::text
