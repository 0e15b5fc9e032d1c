// Cutting a text into the words that BPE works on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "matlora/text/regex.h"

namespace matlora::text {

/// GPT-2's pattern, which ByteLevel with use_regex applies.
extern const char* const kGpt2Pattern;

/// What becomes of the stretches that a pattern matches.
enum class Behavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// A stretch of a text, matched by a pattern or lying between matches.
struct Span {
  size_t begin, end;
  bool match;
};

/// The pieces that `behavior` makes of `spans`, which cover a text without gap.
std::vector<Span> apply_behavior(const std::vector<Span>& spans, Behavior behavior);

/// A chain of splitting steps, the same for all texts. run() is thread-safe.
class PreTokenizer {
 public:
  using Sink = std::function<void(std::string_view)>;

  void add_digits(bool individual);
  void add_split(Regex pattern, Behavior behavior, bool invert);
  /// REQUIRES: `pattern` is not empty.
  void add_literal_split(std::string pattern, Behavior behavior, bool invert);
  void add_prefix_space();

  size_t size() const { return steps_.size(); }

  /// Calls `sink` with each word of `text` (valid UTF-8), in order; none is empty. The words live
  /// only during the call.
  void run(std::string_view text, const Sink& sink) const { run_from(0, text, sink); }

 private:
  struct Digits {};
  struct PrefixSpace {};
  struct Step {
    std::variant<Digits, PrefixSpace, Regex, std::string> pattern;
    Behavior behavior = Behavior::kIsolated;
    bool invert = false;
  };

  void run_from(size_t index, std::string_view text, const Sink& sink) const;
  static std::vector<Span> find_spans(const Step& step, std::string_view text);

  std::vector<Step> steps_;
};

}  // namespace matlora::text
