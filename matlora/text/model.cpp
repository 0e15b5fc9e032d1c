#include "matlora/text/model.h"

#include "matlora/text/load/stage.h"
#include "matlora/text/models/kinds.h"

namespace matlora::text {
namespace {

struct ModelKind {
  const char* type;  // in tokenizer.json
  std::unique_ptr<const Model> (*read)(const JsonObject& part, bool in_bytes,
                                       Vocabulary& vocabulary);
};

constexpr ModelKind kKinds[] = {
    {"BPE", read_bpe},
    {"Unigram", read_unigram},
    {"WordLevel", read_word_level},
    {"WordPiece", read_word_piece},
};

/// What an older file without "type" has.
std::string guessed_type(const JsonObject& part) {
  if (part.find("merges") != nullptr) return "BPE";
  if (part.find("continuing_subword_prefix") != nullptr) return "WordPiece";
  return part.find("unk_id") != nullptr ? "Unigram" : "WordLevel";
}

}  // namespace

int32_t fail_without_unknown(std::string_view text) {
  fail("text", "'", printable(std::string(text)),
       "' has no token, and the tokenizer's model has no unknown token");
}

bool encodes_as(const Model& model, std::string_view piece, int32_t id) {
  if (piece.empty()) return false;
  std::vector<int32_t> ids;
  model.encode(piece, ids);
  return ids == std::vector{id};
}

std::unique_ptr<const Model> read_model(const JsonObject& part, bool in_bytes,
                                        Vocabulary& vocabulary) {
  const std::string type = part.string_or("type", guessed_type(part));
  std::string known;
  for (const ModelKind& kind : kKinds) {
    if (kind.type == type) return kind.read(part, in_bytes, vocabulary);
    known += (known.empty() ? "'" : " or '") + std::string(kind.type) + "'";
  }
  fail_unknown_type(part, "type " + known);
}

}  // namespace matlora::text
