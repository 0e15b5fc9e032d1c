// Digits: numbers apart from the rest.
#include "matlora/base/json.h"
#include "matlora/text/pre_tokenizers/kinds.h"

namespace matlora::text {
PreTokenizer::Step digits(bool individual) {
  const Behavior behavior = individual ? Behavior::kIsolated : Behavior::kContiguous;
  return split(character_pattern(is_number), behavior);
}

void read_digits(const JsonObject& part, PreTokenizer& pre_tokenizer) {
  pre_tokenizer.add(digits(part.boolean_or("individual_digits", false)));
}

}  // namespace matlora::text
