// Split: cuts a text at a regular expression or at a fixed text.
#include <map>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/text/pre_tokenizers/kinds.h"

namespace matlora::text {
namespace {

Match find_literal(std::string_view text, const std::string& literal, size_t from) {
  const size_t begin = text.find(literal, from);
  if (begin == std::string_view::npos) return std::nullopt;
  return Match({begin, begin + literal.size()});
}

/// `find(text, from)` gives the first match from there on.
template <class Find>
PreTokenizer::Step split_by(Find find, Behavior behavior, bool invert) {
  return [find, behavior, invert](Piece piece, const PreTokenizer::Sink& sink) {
    std::vector<Span> spans =
        cover(piece.text, [&](size_t from) { return find(piece.text, from); });
    if (invert) {
      for (Span& span : spans) span.match = !span.match;
    }
    give(piece, apply_behavior(std::move(spans), behavior), sink);
  };
}

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

}  // namespace

PreTokenizer::Step split(Regex pattern, Behavior behavior, bool invert) {
  const auto find = [pattern = std::move(pattern)](std::string_view text, size_t from) {
    return pattern.find(text, from);
  };
  return split_by(find, behavior, invert);
}

void read_split(const JsonObject& part, PreTokenizer& pre_tokenizer) {
  const Behavior behavior = read_behavior(part);
  const bool invert = part.boolean_or("invert", false);
  const JsonObject pattern = part.object("pattern");
  if (pattern.find("Regex") != nullptr) {
    pre_tokenizer.add(split(Regex(pattern.string("Regex"), part.where()), behavior, invert));
    return;
  }
  const std::string literal = pattern.string("String");
  if (literal.empty()) fail(part.where(), "'pattern': the String is empty");
  const auto find = [literal](std::string_view text, size_t from) {
    return find_literal(text, literal, from);
  };
  pre_tokenizer.add(split_by(find, behavior, invert));
}

}  // namespace matlora::text
