#include "matlora/text/pre_tokenizers/spans.h"

#include <algorithm>

namespace matlora::text {
namespace {

std::vector<Span> merge_with_previous(const std::vector<Span>& spans) {
  std::vector<Span> result;
  bool after_match = false;
  for (const Span& span : spans) {
    if (span.match && !after_match && !result.empty()) {
      result.back().end = span.end;
    } else {
      result.push_back(span);
    }
    after_match = span.match;
  }
  return result;
}

std::vector<Span> merge_with_next(const std::vector<Span>& spans) {
  std::vector<Span> result;  // last piece first
  bool before_match = false;
  for (auto span = spans.rbegin(); span != spans.rend(); ++span) {
    if (span->match && !before_match && !result.empty()) {
      result.back().begin = span->begin;
    } else {
      result.push_back(*span);
    }
    before_match = span->match;
  }
  std::reverse(result.begin(), result.end());
  return result;
}

std::vector<Span> merge_equal(const std::vector<Span>& spans) {
  std::vector<Span> result;
  for (const Span& span : spans) {
    if (!result.empty() && result.back().match == span.match) {
      result.back().end = span.end;
    } else {
      result.push_back(span);
    }
  }
  return result;
}

}  // namespace

std::vector<Span> apply_behavior(std::vector<Span> spans, Behavior behavior) {
  switch (behavior) {
    case Behavior::kIsolated:
      break;
    case Behavior::kRemoved:
      std::erase_if(spans, [](const Span& span) { return span.match; });
      break;
    case Behavior::kMergedWithPrevious:
      return merge_with_previous(spans);
    case Behavior::kMergedWithNext:
      return merge_with_next(spans);
    case Behavior::kContiguous:
      return merge_equal(spans);
  }
  return spans;
}

}  // namespace matlora::text
