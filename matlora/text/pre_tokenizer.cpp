#include "matlora/text/pre_tokenizer.h"

#include "matlora/text/load/stage.h"
#include "matlora/text/pre_tokenizers/kinds.h"

namespace matlora::text {
namespace {

constexpr StageKind<PreTokenizer> kKinds[] = {
    {"ByteLevel", read_byte_level},    {"CharDelimiterSplit", read_delimiter},
    {"Digits", read_digits},           {"Metaspace", read_metaspace},
    {"Punctuation", read_punctuation}, {"Split", read_split},
    {"Whitespace", read_whitespace},   {"WhitespaceSplit", read_whitespace_split},
};

}  // namespace

void PreTokenizer::run_from(size_t index, const Piece& piece, const Sink& sink) const {
  if (piece.text.empty()) return;
  if (index == steps_.size()) {
    sink(piece.text);
    return;
  }
  const Cut cut = steps_[index](piece);
  const std::string_view text = cut.changed ? std::string_view(*cut.changed) : piece.text;
  for (const Span& span : cut.spans) {
    const bool at_start = piece.at_start && span.begin == 0;
    run_from(index + 1, {text.substr(span.begin, span.end - span.begin), at_start}, sink);
  }
}

PreTokenizer read_pre_tokenizer(const JsonObject& part) {
  PreTokenizer pre_tokenizer;
  read_stage<PreTokenizer>(part, kKinds, "pretokenizers", pre_tokenizer);
  return pre_tokenizer;
}

}  // namespace matlora::text
