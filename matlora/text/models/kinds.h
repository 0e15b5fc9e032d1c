// The kinds of models, a file each. A reader gets the part "model" of tokenizer.json, adds its
// tokens to the vocabulary and throws UserError for what is malformed or unsupported; model.cpp has
// the table of their types.
#pragma once

#include <memory>

#include "matlora/text/model.h"

namespace matlora::text {

/// ByteLevelBpe where pieces are `in_bytes` and the options allow it, else SentencePieceBpe.
std::unique_ptr<const Model> read_bpe(const JsonObject& part, bool in_bytes,
                                      Vocabulary& vocabulary);

std::unique_ptr<const Model> read_unigram(const JsonObject& part, bool in_bytes,
                                          Vocabulary& vocabulary);
std::unique_ptr<const Model> read_word_level(const JsonObject& part, bool in_bytes,
                                             Vocabulary& vocabulary);
std::unique_ptr<const Model> read_word_piece(const JsonObject& part, bool in_bytes,
                                             Vocabulary& vocabulary);

}  // namespace matlora::text
