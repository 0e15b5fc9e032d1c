// Split: cuts a text at a regular expression or at a fixed text.
#include <map>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/text/pre_tokenizers/kinds.h"

namespace matlora::text {

Behavior read_behavior(const JsonObject& part) {
  static const std::map<std::string, Behavior> kBehaviors = {
      {"Isolated", Behavior::kIsolated},
      {"Removed", Behavior::kRemoved},
      {"MergedWithPrevious", Behavior::kMergedWithPrevious},
      {"MergedWithNext", Behavior::kMergedWithNext},
      {"Contiguous", Behavior::kContiguous}};
  const std::string name = part.string("behavior");
  if (const auto found = kBehaviors.find(name); found != kBehaviors.end()) return found->second;
  fail(part.where(),
       "'behavior': expected Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous, "
       "got '",
       printable(name), "'");
}

PreTokenizer::Step split(Pattern pattern, Behavior behavior, bool invert) {
  return [pattern = std::move(pattern), behavior, invert](const Piece& piece) -> Cut {
    std::vector<Span> spans =
        cover(piece.text, [&](size_t from) { return pattern(piece.text, from); });
    if (invert) {
      for (Span& span : spans) span.match = !span.match;
    }
    return {apply_behavior(std::move(spans), behavior), {}};
  };
}

void read_split(const JsonObject& part, PreTokenizer& pre_tokenizer) {
  const Behavior behavior = read_behavior(part);
  const bool invert = part.boolean_or("invert", false);
  const JsonObject pattern = part.object("pattern");
  if (pattern.find("Regex") == nullptr && pattern.string("String").empty()) {
    fail(part.where(), "'pattern': the String is empty");
  }
  pre_tokenizer.add(split(read_pattern(part), behavior, invert));
}

}  // namespace matlora::text
