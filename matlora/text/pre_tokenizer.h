// Pre-tokenization: cutting a normalised text into the pieces that a model encodes one by one.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace matlora {
class JsonObject;
}

namespace matlora::text {

/// A stretch of a text on its way through the steps.
struct Piece {
  std::string_view text;
  /// Bytes at its beginning that stand for what the whole text begins with; 0: it begins elsewhere.
  size_t start = 0;

  bool at_start() const { return start > 0; }
};

/// Bytes begin..end of a text.
struct Span {
  size_t begin, end;
  bool match;  // matched by a pattern, not between matches
};

/// What a step makes of a piece: spans of its text or, where it changes characters, of a new text.
struct Cut {
  std::vector<Span> spans;  // in order; empty ones are dropped
  std::optional<std::string> changed;
  size_t start = 0;  // of the new text, as of a piece
};

/// The steps in order. Gets a text between added tokens (valid UTF-8), gives pieces. Thread-safe
/// once filled in.
class PreTokenizer {
 public:
  using Step = std::function<Cut(const Piece&)>;  // no piece that it gets is empty
  using Sink = std::function<void(std::string_view)>;

  /// A step behind ByteLevel gets the characters of the byte-level alphabet.
  void add(Step step);
  /// From here on a piece means its bytes (ByteLevel).
  void end_in_bytes();
  /// The pieces are text: their bytes, if they mean bytes, as characters of the alphabet.
  void end_in_text();

  size_t size() const { return steps_.size(); }
  bool in_bytes() const { return in_bytes_; }

  /// Calls `sink` with each piece of `text`, in order; none is empty. Their characters live only
  /// during the call.
  void run(const Piece& text, const Sink& sink) const { run_from(0, text, sink); }

 private:
  void run_from(size_t index, const Piece& piece, const Sink& sink) const;

  std::vector<Step> steps_;
  bool in_bytes_ = false;
};

/// The part "pre_tokenizer" of a tokenizer.json; its kinds are in pre_tokenizers/. Throws UserError
/// naming the type of a part that is unknown, or what is malformed.
PreTokenizer read_pre_tokenizer(const JsonObject& part);

}  // namespace matlora::text
