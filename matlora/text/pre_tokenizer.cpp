#include "matlora/text/pre_tokenizer.h"

#include <utility>

#include "matlora/text/byte_level.h"
#include "matlora/text/load/stage.h"
#include "matlora/text/pre_tokenizers/kinds.h"

namespace matlora::text {
namespace {

constexpr StageKind<PreTokenizer> kKinds[] = {
    {"BertPreTokenizer", read_bert},        {"ByteLevel", read_byte_level},
    {"CharDelimiterSplit", read_delimiter}, {"Digits", read_digits},
    {"FixedLength", read_fixed_length},     {"Metaspace", read_metaspace},
    {"Punctuation", read_punctuation},      {"Split", read_split},
    {"Whitespace", read_whitespace},        {"WhitespaceSplit", read_whitespace_split},
};

}  // namespace

void PreTokenizer::add(Step step) {
  end_in_text();
  steps_.push_back(std::move(step));
}

void PreTokenizer::end_in_bytes() {
  end_in_text();
  in_bytes_ = true;
}

void PreTokenizer::end_in_text() {
  if (!in_bytes_) return;
  in_bytes_ = false;
  steps_.push_back([](const Piece& piece) -> Cut {
    std::string text = to_byte_characters(piece.text);
    const size_t start = to_byte_characters(piece.text.substr(0, piece.start)).size();
    return {{{0, text.size(), false}}, std::move(text), start};
  });
}

void PreTokenizer::run_from(size_t index, const Piece& piece, const Sink& sink) const {
  if (piece.text.empty()) return;
  if (index == steps_.size()) {
    sink(piece.text);
    return;
  }
  const Cut cut = steps_[index](piece);
  const std::string_view text = cut.changed ? std::string_view(*cut.changed) : piece.text;
  const size_t start = cut.changed ? cut.start : piece.start;
  for (const Span& span : cut.spans) {
    const size_t left = start > span.begin ? start - span.begin : 0;
    run_from(index + 1, {text.substr(span.begin, span.end - span.begin), left}, sink);
  }
}

PreTokenizer read_pre_tokenizer(const JsonObject& part) {
  PreTokenizer pre_tokenizer;
  read_stage<PreTokenizer>(part, kKinds, "pretokenizers", pre_tokenizer);
  return pre_tokenizer;
}

}  // namespace matlora::text
