#include "matlora/text/model.h"

#include "matlora/text/load/stage.h"
#include "matlora/text/models/kinds.h"

namespace matlora::text {
namespace {

/// Several kinds may share a type: the first one that fits is taken.
struct ModelKind {
  const char* type;                      // in tokenizer.json
  bool (*fits)(const JsonObject& part);  // null: whatever has the type
  std::unique_ptr<const Model> (*read)(const JsonObject& part, Vocabulary& vocabulary);
};

constexpr ModelKind kKinds[] = {
    {"BPE", nullptr, read_byte_level_bpe},
};

}  // namespace

bool encodes_as(const Model& model, std::string_view piece, int32_t id) {
  if (piece.empty()) return false;
  std::vector<int32_t> ids;
  model.encode(piece, ids);
  return ids == std::vector{id};
}

std::unique_ptr<const Model> read_model(const JsonObject& part, Vocabulary& vocabulary) {
  const std::string type = part.string_or("type", "BPE");  // older files leave it out
  std::string known;
  for (const ModelKind& kind : kKinds) {
    if (kind.type == type && (kind.fits == nullptr || kind.fits(part))) {
      return kind.read(part, vocabulary);
    }
    known += (known.empty() ? "'" : " or '") + std::string(kind.type) + "'";
  }
  fail_unknown_type(part, "type " + known);
}

}  // namespace matlora::text
