// Texts on which two tokenizers are compared.
#pragma once

#include "matlora/text/tokenizer.h"

namespace matlora::text {

/// Whether both give the same tokens for texts of many kinds (words, numbers, case, contractions,
/// space, line breaks, punctuation, other scripts, marks, symbols), and the texts again.
bool same_tokens(const Tokenizer& a, const Tokenizer& b);

}  // namespace matlora::text
