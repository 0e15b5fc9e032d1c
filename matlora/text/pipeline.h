// The parts of a tokenizer put together; tokenizer_json.cpp and tokenizer_gguf.cpp fill it in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "matlora/text/added_tokens.h"
#include "matlora/text/bpe.h"
#include "matlora/text/pre_tokenizer.h"
#include "matlora/text/tokenizer.h"
#include "matlora/text/unicode.h"
#include "matlora/text/vocabulary.h"

namespace matlora::text {

/// What a loader finds in a file.
struct PipelineParts {
  explicit PipelineParts(const std::string& file) : where(file), model(file) {}

  std::string where;  // the file, for messages
  Vocabulary model;   // what BPE knows
  Bpe::Pairs merges;  // by rank
  BpeOptions bpe;
  std::vector<AddedToken> added;  // model tokens or not
  std::vector<NormalForm> normalizers;
  PreTokenizer pre_tokenizer;
  std::vector<int32_t> prefix, suffix;  // the template round a sequence
};

/// added tokens -> normalisation -> added tokens -> words -> BPE -> template
class Pipeline {
 public:
  explicit Pipeline(PipelineParts parts);

  std::vector<int32_t> encode(std::string_view utf8, bool add_special) const;
  std::string decode(std::span<const int32_t> ids, bool skip_special) const;
  const Vocabulary& vocabulary() const { return vocabulary_; }
  bool is_special(int32_t id) const;

 private:
  void add_tokens();
  void make_pieces();
  void encode_unnormalized(std::string_view text, std::vector<int32_t>& ids) const;
  void encode_plain(std::string_view text, std::vector<int32_t>& ids) const;
  std::string normalized(std::string_view text) const;

  PipelineParts parts_;
  Vocabulary vocabulary_;  // with the added tokens
  Bpe bpe_;
  AddedTokenFinder raw_finder_, normalized_finder_;
  struct Piece {
    std::string bytes;
    bool special = false;
  };
  std::unordered_map<int32_t, Piece> pieces_;  // by id
};

Pipeline load_json(const std::filesystem::path& path);
Pipeline load_gguf(const GgufVocabulary& vocabulary);

}  // namespace matlora::text
