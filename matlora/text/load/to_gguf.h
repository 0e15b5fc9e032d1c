// From tokenizer.json to a GGUF vocabulary and back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/text/load/gguf.h"

namespace matlora::text {

/// What a GGUF file says of the tokenizer: byte-level BPE as "gpt2", BPE with byte fallback as
/// "llama", whose scores are the order of the merges. Ids without a token up to `vocab_size`, the
/// model's rows, are named "[PAD7]" (llama.cpp's convert_hf_to_gguf.py). Of special tokens only
/// what is added in front and behind is filled in. The vocabulary is read back and compared on
/// texts of many kinds: UserError naming the file where none of the known kinds gives the same
/// tokens, and for other models than BPE.
GgufVocabulary to_gguf(const std::filesystem::path& tokenizer_json, int64_t vocab_size);

/// tokenizer.json of the Python package `tokenizers` that is meant to do what the vocabulary does;
/// who writes it compares (probe_texts.h). Throws UserError for a vocabulary that
/// Tokenizer::from_gguf refuses by its keys.
Json to_tokenizer_json(const GgufVocabulary& source);

}  // namespace matlora::text
