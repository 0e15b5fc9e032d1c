// A GGUF file's vocabulary for BPE of text: Gemma 4's. Spaces are a visible character, lines are
// pieces, a character without a token is its byte tokens. Rules: llama.cpp, src/llama-vocab.cpp at
// llama-cpp-python 0.3.36, LLAMA_VOCAB_PRE_TYPE_GEMMA4.
#include <utility>

#include "matlora/text/byte_tokens.h"
#include "matlora/text/decoders/kinds.h"
#include "matlora/text/load/gguf_models.h"
#include "matlora/text/models/sentencepiece_bpe.h"
#include "matlora/text/normalizers/kinds.h"
#include "matlora/text/pattern.h"
#include "matlora/text/pre_tokenizers/kinds.h"

namespace matlora::text {
namespace {

constexpr const char* kSpace = "\u2581";

/// A run of line breaks that is a token is this token, whatever the merges say.
class LineBpe : public Model {
 public:
  LineBpe(const Vocabulary& vocabulary, SentencePieceBpe model)
      : tokens_(vocabulary.ids()), model_(std::move(model)) {}

  void encode(std::string_view piece, std::vector<int32_t>& ids) const override {
    const bool breaks = piece.find_first_not_of('\n') == std::string_view::npos;
    const auto token = breaks ? tokens_.find(piece) : tokens_.end();
    if (token != tokens_.end()) {
      ids.push_back(token->second);
    } else {
      model_.encode(piece, ids);
    }
  }

  bool in_bytes() const override { return false; }

 private:
  StringIds tokens_;
  SentencePieceBpe model_;
};

}  // namespace

void fill_text_bpe(const GgufVocabulary& source, Stages& stages) {
  stages.normalizer.add(replace_text(" ", kSpace));
  stages.pre_tokenizer.add(
      split(regex_pattern(Regex(R"([^\n]+|\n+)", stages.where)), Behavior::kIsolated));
  BpeOptions options;
  options.byte_fallback = true;
  stages.model = std::make_unique<LineBpe>(
      stages.vocabulary,
      SentencePieceBpe(stages.vocabulary, gguf_merges(source), options, source.where));
  stages.decoder.add([space = literal_pattern(kSpace)](std::string_view token) {
    if (const auto byte = byte_of_token(token)) return std::string(1, static_cast<char>(*byte));
    return replace_matches(token, space, " ");
  });
  stages.decoder.fuse();
}

}  // namespace matlora::text
