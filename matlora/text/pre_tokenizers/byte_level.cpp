// ByteLevel: GPT-2's words. Their bytes go to the model as they are: the alphabet of characters for
// bytes (text/byte_level.h) is a matter of the vocabulary.
#include "matlora/base/json.h"
#include "matlora/text/pre_tokenizers/kinds.h"

namespace matlora::text {
namespace {

Cut prefix_space(const Piece& piece) {
  if (piece.text.front() == ' ') return {{{0, piece.text.size(), false}}, {}};
  const size_t start = piece.at_start() ? piece.start + 1 : 0;
  return {{{0, piece.text.size() + 1, false}}, " " + std::string(piece.text), start};
}

}  // namespace

const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

void read_byte_level(const JsonObject& part, PreTokenizer& pre_tokenizer) {
  if (part.boolean_or("add_prefix_space", true)) pre_tokenizer.add(prefix_space);
  if (part.boolean_or("use_regex", true)) {
    pre_tokenizer.add(split(regex_pattern(Regex(kGpt2Pattern, part.where())), Behavior::kIsolated));
  }
  pre_tokenizer.end_in_bytes();
}

}  // namespace matlora::text
