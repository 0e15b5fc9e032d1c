// What the models of type BPE have in common in a tokenizer.json: tokens and merges.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "matlora/base/json.h"
#include "matlora/text/vocabulary.h"

namespace matlora::text {

using MergePairs = std::vector<std::pair<std::string, std::string>>;  // index = rank

/// Adds "vocab", an object {token: id}. Throws UserError for an id that is no integer or is taken.
void read_vocabulary(const JsonObject& model, Vocabulary& vocabulary);

/// "merges", each "left right" or ["left", "right"]. Throws UserError naming one that is neither.
MergePairs read_merges(const JsonObject& model);

}  // namespace matlora::text
