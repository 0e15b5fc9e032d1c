// The kinds of models, a file each. A reader gets the part "model" of tokenizer.json, adds its
// tokens to the vocabulary and throws UserError for what is malformed or unsupported; model.cpp has
// the table of their types.
#pragma once

#include <memory>

#include "matlora/text/model.h"

namespace matlora::text {

std::unique_ptr<const Model> read_byte_level_bpe(const JsonObject& part, Vocabulary& vocabulary);
std::unique_ptr<const Model> read_sentencepiece_bpe(const JsonObject& part, Vocabulary& vocabulary);

}  // namespace matlora::text
