// Byte-level BPE: text <-> token ids, as the Python package `tokenizers` does it.
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

namespace matlora::text {

/// What a GGUF file says of its vocabulary (tokenizer.ggml.*).
struct GgufVocabulary {
  std::string where;                 // the file, for messages
  std::string model;                 // tokenizer.ggml.model: only "gpt2" is supported
  std::string pre;                   // tokenizer.ggml.pre
  std::vector<std::string> tokens;   // index = id
  std::vector<int64_t> token_types;  // 1 normal, 3 control, 4 user defined, ..; may be empty
  std::vector<std::string> merges;   // "left right"
  std::optional<int64_t> bos_token_id, eos_token_id, eot_token_id, eom_token_id, fim_pad_token_id,
      fim_rep_token_id, fim_sep_token_id;
  std::optional<bool> add_bos, add_eos;  // absent: llama.cpp's default for `pre`
};

class Tokenizer {
 public:
  /// Throws UserError naming file and part for what is not supported or is malformed.
  static Tokenizer from_json(const std::filesystem::path& tokenizer_json);
  static Tokenizer from_gguf(const GgufVocabulary& vocabulary);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Ids of `utf8`. Special tokens that occur in the text are recognised, as in `tokenizers`;
  /// `add_special` also applies the template (BOS, EOS). Throws UserError with the byte offset when
  /// the text is not valid UTF-8. Thread-safe.
  std::vector<int32_t> encode(std::string_view utf8, bool add_special = true) const;

  /// Bytes of the ids (byte-level: not UTF-8 when a sequence is cut mid-character). An id without a
  /// token has none, as in `tokenizers`: models may have more embeddings than tokens.
  /// `skip_special` leaves special tokens out. REQUIRES: no id is negative.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;

  int64_t vocab_size() const;  ///< one more than the largest id, added tokens counted
  std::optional<int32_t> token_id(std::string_view token) const;  ///< by its content
  std::string token(int32_t id) const;  ///< as stored (byte-level characters); "" when unused
  bool is_special(int32_t id) const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace matlora::text
