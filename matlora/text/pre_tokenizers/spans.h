// Cutting a text at the matches of a pattern.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "matlora/text/pattern.h"
#include "matlora/text/pre_tokenizer.h"
#include "matlora/text/unicode.h"

namespace matlora::text {

/// What becomes of the stretches that a pattern matches.
enum class Behavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// Covers `text` by the matches that `find(from)` gives (as a Pattern does) and by what is between
/// them.
template <class Find>
std::vector<Span> cover(std::string_view text, Find find) {
  std::vector<Span> spans;
  spans.reserve(text.size() / 4 + 1);
  size_t covered = 0;
  for (size_t from = 0; from <= text.size();) {
    const Match match = find(from);
    if (!match) break;
    const auto [begin, end] = *match;
    if (begin > covered) spans.push_back({covered, begin, false});
    spans.push_back({begin, end, true});
    covered = end;
    from = end;
    if (end > begin) continue;
    if (end == text.size()) break;
    next_code_point(text, from);
  }
  if (covered < text.size()) spans.push_back({covered, text.size(), false});
  return spans;
}

/// The pieces that `behavior` makes of `spans`, which cover a text without gap.
std::vector<Span> apply_behavior(std::vector<Span> spans, Behavior behavior);

}  // namespace matlora::text
