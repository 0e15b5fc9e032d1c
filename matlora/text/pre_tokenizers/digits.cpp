// Digits: numbers apart from the rest.
#include "matlora/base/json.h"
#include "matlora/text/pre_tokenizers/kinds.h"

namespace matlora::text {
namespace {

Match find_number(std::string_view text, size_t from) {
  while (from < text.size()) {
    const size_t begin = from;
    if (is_number(next_code_point(text, from))) return Match({begin, from});
  }
  return std::nullopt;
}

}  // namespace

PreTokenizer::Step digits(bool individual) {
  const Behavior behavior = individual ? Behavior::kIsolated : Behavior::kContiguous;
  return [behavior](const Piece& piece) -> Cut {
    std::vector<Span> spans =
        cover(piece.text, [&](size_t from) { return find_number(piece.text, from); });
    return {apply_behavior(std::move(spans), behavior), {}};
  };
}

void read_digits(const JsonObject& part, PreTokenizer& pre_tokenizer) {
  pre_tokenizer.add(digits(part.boolean_or("individual_digits", false)));
}

}  // namespace matlora::text
