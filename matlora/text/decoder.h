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

/// How far a text is decoded, for steps that treat its beginning differently.
struct DecodeProgress {
  size_t taken = 0;  // bytes of the tokens so far
  size_t shown = 0;  // those of them that are in the text
};

/// The steps in order. Gets tokens as the vocabulary has them, gives bytes. Two kinds of steps do
/// for all that never looks at a later token: one that changes every token alike, and one that
/// leaves out bytes by where in the text they are. Thread-safe once filled in.
class Decoder {
 public:
  /// A token -> the same token changed. Called once for each token, when a file is loaded.
  using TokenStep = std::function<std::string(std::string_view token)>;
  /// The next bytes -> the part of them that is in the text.
  using PlaceStep =
      std::function<std::string_view(std::string_view bytes, const DecodeProgress& before)>;

  void add(TokenStep step);
  void add_place(PlaceStep step);
  /// Tokens are written in the characters of the byte-level alphabet: no step may follow.
  void end_in_bytes();

  size_t size() const { return token_steps_.size() + place_steps_.size(); }
  bool in_bytes() const { return in_bytes_; }

  /// The bytes of a token of the model, by itself.
  std::string token_bytes(std::string_view token) const;

  /// The bytes of an added token. `in_text` is how it is written in a (normalised) text; `encoded`
  /// says whether the model encodes the token's bytes as this token. A byte-level decoder leaves
  /// one as it is written unless the model makes it from bytes too.
  std::string added_token_bytes(std::string_view token, std::string_view in_text,
                                bool encoded) const;

  /// Appends the next token's bytes to `text`, as they are in the place that `progress` says, and
  /// moves that on.
  void append(std::string_view bytes, DecodeProgress& progress, std::string& text) const;

 private:
  std::vector<TokenStep> token_steps_;
  std::vector<PlaceStep> place_steps_;
  bool in_bytes_ = false;
};

/// The part "decoder" of a tokenizer.json; its kinds are in decoders/. Throws UserError naming the
/// type of a part that is unknown, or what is malformed.
Decoder read_decoder(const JsonObject& part);

}  // namespace matlora::text
