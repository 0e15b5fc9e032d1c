#include "matlora/text/pre_tokenizer.h"

#include "matlora/text/load/stage.h"
#include "matlora/text/pre_tokenizers/kinds.h"

namespace matlora::text {
namespace {

constexpr StageKind<PreTokenizer> kKinds[] = {
    {"ByteLevel", read_byte_level},
    {"Digits", read_digits},
    {"Split", read_split},
};

}  // namespace

void PreTokenizer::run_from(size_t index, Piece piece, const Sink& sink) const {
  if (piece.text.empty()) return;
  if (index == steps_.size()) {
    sink(piece);
    return;
  }
  // The sink of the step holds one reference, which std::function keeps without an allocation.
  const auto rest = [this, index, &sink](Piece part) { run_from(index + 1, part, sink); };
  steps_[index](piece, [&rest](Piece part) { rest(part); });
}

PreTokenizer read_pre_tokenizer(const JsonObject& part) {
  PreTokenizer pre_tokenizer;
  read_stage<PreTokenizer>(part, kKinds, "pretokenizers", pre_tokenizer);
  return pre_tokenizer;
}

}  // namespace matlora::text
