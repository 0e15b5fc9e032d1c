#include "matlora/text/pre_tokenizer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "matlora/text/unicode.h"

namespace matlora::text {
namespace {

using Match = std::optional<std::pair<size_t, size_t>>;

size_t after_code_point(std::string_view text, size_t offset) {
  next_code_point(text, offset);
  return offset;
}

// Covers `text` by the matches that find(from) gives and by what lies between them.
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
    if (end > begin) {
      from = end;
    } else if (end < text.size()) {
      from = after_code_point(text, end);
    } else {
      break;
    }
  }
  if (covered < text.size()) spans.push_back({covered, text.size(), false});
  return spans;
}

Match find_number(std::string_view text, size_t from) {
  while (from < text.size()) {
    const size_t begin = from;
    if (is_number(next_code_point(text, from))) return Match({begin, from});
  }
  return std::nullopt;
}

Match find_literal(std::string_view text, const std::string& pattern, size_t from) {
  const size_t begin = text.find(pattern, from);
  if (begin == std::string_view::npos) return std::nullopt;
  return Match({begin, begin + pattern.size()});
}

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

const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

std::vector<Span> apply_behavior(const std::vector<Span>& spans, Behavior behavior) {
  switch (behavior) {
    case Behavior::kIsolated:
      break;
    case Behavior::kRemoved: {
      std::vector<Span> result = spans;
      std::erase_if(result, [](const Span& span) { return span.match; });
      return result;
    }
    case Behavior::kMergedWithPrevious:
      return merge_with_previous(spans);
    case Behavior::kMergedWithNext:
      return merge_with_next(spans);
    case Behavior::kContiguous:
      return merge_equal(spans);
  }
  return spans;
}

void PreTokenizer::add_digits(bool individual) {
  steps_.push_back({Digits{}, individual ? Behavior::kIsolated : Behavior::kContiguous, false});
}

void PreTokenizer::add_split(Regex pattern, Behavior behavior, bool invert) {
  steps_.push_back({std::move(pattern), behavior, invert});
}

void PreTokenizer::add_literal_split(std::string pattern, Behavior behavior, bool invert) {
  steps_.push_back({std::move(pattern), behavior, invert});
}

void PreTokenizer::add_prefix_space() {
  steps_.push_back({PrefixSpace{}, Behavior::kIsolated, false});
}

std::vector<Span> PreTokenizer::find_spans(const Step& step, std::string_view text) {
  if (const auto* regex = std::get_if<Regex>(&step.pattern)) {
    return cover(text, [&](size_t from) { return regex->find(text, from); });
  }
  if (const auto* literal = std::get_if<std::string>(&step.pattern)) {
    return cover(text, [&](size_t from) { return find_literal(text, *literal, from); });
  }
  return cover(text, [&](size_t from) { return find_number(text, from); });
}

void PreTokenizer::run_from(size_t index, std::string_view text, const Sink& sink) const {
  if (text.empty()) return;
  if (index == steps_.size()) {
    sink(text);
    return;
  }
  const Step& step = steps_[index];
  if (std::holds_alternative<PrefixSpace>(step.pattern)) {
    if (text.front() == ' ') return run_from(index + 1, text, sink);
    std::string prefixed(1, ' ');
    prefixed += text;
    return run_from(index + 1, prefixed, sink);
  }
  std::vector<Span> spans = find_spans(step, text);
  if (step.invert) {
    for (Span& span : spans) span.match = !span.match;
  }
  if (step.behavior != Behavior::kIsolated) spans = apply_behavior(spans, step.behavior);
  for (const Span& span : spans) {
    run_from(index + 1, text.substr(span.begin, span.end - span.begin), sink);
  }
}

}  // namespace matlora::text
