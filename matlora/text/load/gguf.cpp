#include "matlora/text/load/gguf.h"

#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/utf8.h"
#include "matlora/text/load/gguf_models.h"
#include "matlora/text/load/gguf_specials.h"
#include "matlora/text/stages.h"
#include "matlora/text/tokenizer.h"

namespace matlora::text {
namespace {

/// A value of tokenizer.ggml.model. `fill` gets the stages with vocabulary and added tokens, and
/// adds normalizer, pre-tokenizer, model and decoder.
struct GgufModelKind {
  const char* name;
  const char* what;  // for messages
  void (*fill)(const GgufVocabulary& source, Stages& stages);
};

constexpr GgufModelKind kKinds[] = {
    {"gemma4", "BPE of text", fill_text_bpe},
    {"gpt2", "byte-level BPE", fill_byte_level_bpe},
    {"llama", "SentencePiece", fill_sentencepiece},
};

const GgufModelKind& model_kind(const GgufVocabulary& source) {
  std::string known;
  for (const GgufModelKind& kind : kKinds) {
    if (kind.name == source.model) return kind;
    known += cat(known.empty() ? "'" : " or '", kind.name, "' (", kind.what, ")");
  }
  fail(source.where, "tokenizer.ggml.model: expected ", known, ", got '", printable(source.model),
       "'");
}

void add_tokens(const GgufVocabulary& source, Stages& stages) {
  if (!source.token_types.empty() && source.token_types.size() != source.tokens.size()) {
    fail(source.where, "tokenizer.ggml.token_type: expected ", source.tokens.size(),
         " numbers, one for each token, got ", source.token_types.size());
  }
  const std::vector<int64_t> types = gguf_specials(source).types;
  for (size_t i = 0; i < source.tokens.size(); ++i) {
    // As llama.cpp has it: an empty token has a name, and of equal tokens the last is encoded.
    const std::string content =
        source.tokens[i].empty() ? cat("[EMPTY_", i, "]") : source.tokens[i];
    if (const size_t bad = find_invalid_utf8(content); bad != std::string::npos) {
      fail(source.where, "tokenizer.ggml.tokens: token ", i, ": not valid UTF-8 at byte ", bad);
    }
    stages.vocabulary.add_equal(content, static_cast<int64_t>(i));
    const bool special = types[i] == kControlToken || types[i] == kUnknownToken;
    if (!special && types[i] != kUserDefinedToken) continue;
    AddedToken token;
    token.content = content;
    token.id = static_cast<int32_t>(i);
    token.special = special;
    stages.added.push_back(std::move(token));
  }
}

int32_t template_id(const GgufVocabulary& source, const std::optional<int64_t>& id,
                    const std::string& name) {
  if (!id) {
    fail(source.where, "tokenizer.ggml.add_", name, "_token is set, but tokenizer.ggml.", name,
         "_token_id is missing");
  }
  if (*id < 0 || static_cast<uint64_t>(*id) >= source.tokens.size()) {
    fail(source.where, "tokenizer.ggml.", name, "_token_id: expected less than ",
         source.tokens.size(), ", got ", *id);
  }
  return static_cast<int32_t>(*id);
}

std::vector<int32_t> template_ids(bool added, const GgufVocabulary& source,
                                  const std::optional<int64_t>& id, const std::string& name) {
  if (!added) return {};
  return {template_id(source, id, name)};
}

}  // namespace

Tokenizer Tokenizer::from_gguf(const GgufVocabulary& source) {
  const GgufModelKind& kind = model_kind(source);
  Stages stages(source.where);
  add_tokens(source, stages);
  kind.fill(source, stages);
  const bool bos = always_adds_bos(source) || source.add_bos.value_or(adds_bos_by_default(source));
  const bool eos = source.add_eos.value_or(false);
  stages.post_processor.add(template_ids(bos, source, source.bos_token_id, "bos"),
                            template_ids(eos, source, source.eos_token_id, "eos"));
  return Tokenizer(std::move(stages));
}

}  // namespace matlora::text
