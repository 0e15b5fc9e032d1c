// Text <-> token ids, as the Python package `tokenizers` does it, in stages (stages.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/text/decoder.h"

namespace matlora::text {

struct GgufVocabulary;  // load/gguf.h
struct Stages;          // stages.h

/// Immutable; every call is thread-safe.
class Tokenizer {
 public:
  /// Throws UserError naming file and part for what is not supported or is malformed.
  static Tokenizer from_json(const std::filesystem::path& tokenizer_json);
  static Tokenizer from_gguf(const GgufVocabulary& vocabulary);

  /// Throws UserError when an added token contradicts the vocabulary, or the post-processor has an
  /// id that no token can have.
  explicit Tokenizer(Stages stages);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Ids of `utf8`. Special tokens that occur in the text are recognised, as in `tokenizers`;
  /// `add_special` also applies the post-processor (BOS, EOS). Throws UserError with the byte
  /// offset when the text is not valid UTF-8, and when it has a part for which the model has
  /// neither a token nor an unknown token.
  std::vector<int32_t> encode(std::string_view utf8, bool add_special = true) const;

  /// Bytes of the ids: a whole text's. They are not UTF-8 when a sequence is cut mid-character. An
  /// id without a token has none, as in `tokenizers`: models may have more embeddings than tokens.
  /// `skip_special` leaves special tokens out. REQUIRES: no id is negative.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;

  /// The same of ids that continue a text: `progress` says how far it is, and is moved on. Holds
  /// back what later ids may change. TokenStream gives text instead of bytes.
  std::string decode(std::span<const int32_t> ids, bool skip_special,
                     DecodeProgress& progress) const;
  /// What is held back at the end of the text. `progress` begins a new text.
  std::string decode_end(DecodeProgress& progress) const;

  int64_t vocab_size() const;  ///< one more than the largest id, added tokens counted
  std::optional<int32_t> token_id(std::string_view token) const;  ///< by its content
  std::string token(int32_t id) const;  ///< as stored (byte-level characters); "" when unused
  bool is_special(int32_t id) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace matlora::text
