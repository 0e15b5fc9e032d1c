#include "matlora/text/model.h"

#include "matlora/text/load/stage.h"
#include "matlora/text/models/kinds.h"

namespace matlora::text {
namespace {

/// A type may have a kind for text and a kind for bytes.
struct ModelKind {
  const char* type;  // in tokenizer.json
  bool in_bytes;
  std::unique_ptr<const Model> (*read)(const JsonObject& part, Vocabulary& vocabulary);
};

constexpr ModelKind kKinds[] = {
    {"BPE", true, read_byte_level_bpe},
    {"BPE", false, read_sentencepiece_bpe},
};

}  // namespace

bool encodes_as(const Model& model, std::string_view piece, int32_t id) {
  if (piece.empty()) return false;
  std::vector<int32_t> ids;
  model.encode(piece, ids);
  return ids == std::vector{id};
}

std::unique_ptr<const Model> read_model(const JsonObject& part, bool in_bytes,
                                        Vocabulary& vocabulary) {
  const std::string type = part.string_or("type", "BPE");  // older files leave it out
  std::string known;
  for (const ModelKind& kind : kKinds) {
    if (kind.in_bytes != in_bytes) continue;
    if (kind.type == type) return kind.read(part, vocabulary);
    known += (known.empty() ? "'" : " or '") + std::string(kind.type) + "'";
  }
  fail_unknown_type(part, "type " + known + (in_bytes ? " with ByteLevel" : ""));
}

}  // namespace matlora::text
