// Decoding: tokens back to bytes of text, one token after the other.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "matlora/base/error.h"

namespace matlora {
class JsonObject;
}

namespace matlora::text {

/// What a context step remembers between tokens; what both fields mean is the step's matter.
struct DecodeState {
  size_t count = 0;  // of tokens, or of characters
  std::string held;  // what later tokens may change
};

/// How far a text is decoded. An empty one begins a text.
struct DecodeProgress {
  std::vector<DecodeState> steps;  // of each context step
};

/// The steps in order. Gets tokens as the vocabulary has them, gives bytes. A token step changes
/// every token by itself. A context step sees where a token is, or tokens together. Thread-safe
/// once filled in.
class Decoder {
 public:
  using TokenStep = std::function<std::string(std::string_view token)>;

  /// Takes what a step gives.
  using Next = std::function<void(std::string_view token)>;
  struct ContextStep {
    std::function<void(std::string_view token, DecodeState& state, const Next& next)> feed;
    /// The end of the text; may be null where `feed` holds nothing back.
    std::function<void(DecodeState& state, const Next& next)> finish = nullptr;
  };

  /// Steps before the first context step are run once for each token, when a file is loaded.
  void add(TokenStep step);
  void add(ContextStep step);
  /// A step that takes parts of the joined text as they come. REQUIRES: fused().
  void add_streamed(ContextStep step) { context_steps_.push_back(std::move(step)); }
  /// From here on all tokens are one (Fuse): a step added by `add` gets the whole text.
  void fuse() { fused_ = true; }
  /// Tokens are written in the characters of the byte-level alphabet: from here on they are one, in
  /// bytes. A step behind it gets valid UTF-8, with U+FFFD for what is none.
  void end_in_bytes() { in_bytes_ = fused_ = true; }
  /// Added tokens are not written in that alphabet (GGUF), unless the model encodes one from bytes.
  void keep_added_tokens() { keeps_added_ = true; }

  size_t size() const { return token_steps_.size() + context_steps_.size(); }
  bool in_bytes() const { return in_bytes_; }
  bool fused() const { return fused_ && !in_bytes_; }  ///< and may be taken in parts
  bool keeps_added_tokens() const { return keeps_added_; }

  /// What the token steps make of a token of the model, by itself.
  std::string token_bytes(std::string_view token) const;

  /// The same of an added token, which is written `in_text` in a (normalised) text. A byte-level
  /// decoder leaves it so where its bytes would be no UTF-8.
  std::string added_token_bytes(std::string_view in_text) const;

  /// The context steps: appends to `text` what is certain once `token`, a result of the calls
  /// above, has come.
  void append(std::string_view token, DecodeProgress& progress, std::string& text) const;

  /// The end of the text: appends what was held back. `progress` begins a new text.
  void finish(DecodeProgress& progress, std::string& text) const;

 private:
  struct Run;
  void feed(size_t step, std::string_view token, const Run& run) const;
  void join_tokens();

  std::vector<TokenStep> token_steps_;
  std::vector<ContextStep> context_steps_;
  bool in_bytes_ = false, fused_ = false, keeps_added_ = false;
  size_t joined_ = 0;  // context steps when the tokens were joined; 0: not yet
};

/// The part "decoder" of a tokenizer.json; its kinds are in decoders/. Throws UserError naming the
/// type of a part that is unknown, or what is malformed.
Decoder read_decoder(const JsonObject& part);

/// What `tokenizers` does where a file has no decoder: a space between tokens.
Decoder spaced_decoder();

}  // namespace matlora::text
