// What the models of type BPE have in common in a tokenizer.json: tokens and merges.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "matlora/base/json.h"
#include "matlora/text/models/merge_table.h"
#include "matlora/text/vocabulary.h"

namespace matlora::text {

using MergePairs = std::vector<std::pair<std::string, std::string>>;  // index = rank

struct BpeOptions {
  bool ignore_merges = false;  // a piece that is a token is that token, whatever the merges say
  std::optional<int32_t> unknown_id;  // for what has no token; that is dropped without it
  bool fuse_unknown = false;          // a run of unknown parts is one unknown token
  bool byte_fallback = false;         // a character without a token is tokens for its bytes
  bool lacks_unknown = false;         // the model names an unknown token that the vocabulary lacks
  std::string prefix, suffix;         // of tokens that continue a piece, of those that end one
};

/// Adds "vocab", an object {token: id}. Throws UserError for an id that is no integer or is taken.
void read_vocabulary(const JsonObject& model, Vocabulary& vocabulary);

/// "merges", each "left right" or ["left", "right"]. Throws UserError naming one that is neither.
MergePairs read_merges(const JsonObject& model);

/// The rest of a model. Throws UserError naming an option that is not supported.
BpeOptions read_bpe_options(const JsonObject& model, const Vocabulary& vocabulary);

/// `merges` by ids; `prefix` bytes of the right token are left out of the joined one. Throws
/// UserError at `where` naming a token that the vocabulary lacks.
MergeTable merge_table(const Vocabulary& vocabulary, const MergePairs& merges, size_t prefix,
                       const std::string& where);

}  // namespace matlora::text
