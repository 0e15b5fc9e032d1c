// Tokenizers from the metadata of a GGUF file.
#include <iterator>
#include <set>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/utf8.h"
#include "matlora/text/byte_level.h"
#include "matlora/text/gguf_specials.h"
#include "matlora/text/pipeline.h"

namespace matlora::text {
namespace {

constexpr const char* kKnownPre[] = {"default", "gpt-2", "llama-bpe", "qwen2", "smollm"};

// Words with a leading non-letter, numbers of at most `digits`, line breaks apart from other space.
std::string modern_pattern(const std::string& digits) {
  const std::string contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  return contractions + R"(|[^\r\n\p{L}\p{N}]?\p{L}+|)" + digits +
         R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

/// As llama.cpp's llm_tokenizer_bpe has it (src/llama-vocab.cpp at 00ad355).
void set_pre_tokenizer(const std::string& pre, PipelineParts& parts) {
  const auto split = [&](const std::string& pattern) {
    parts.pre_tokenizer.add_split(Regex(pattern, parts.where), Behavior::kIsolated, false);
  };
  if (pre == "default" ||
      pre.empty()) {  // llama.cpp: punctuation, GPT-2, numbers, numbers by threes
    split(R"([\p{P}\$\+<=>\^~\|]+)");
    split(kGpt2Pattern);
    split(R"(\p{N}+)");
    split("[0-9][0-9][0-9]");
  } else if (pre == "gpt-2") {
    split(kGpt2Pattern);
  } else if (pre == "llama-bpe") {
    split(modern_pattern(R"(\p{N}{1,3})"));
    parts.bpe.ignore_merges = true;
  } else if (pre == "qwen2") {
    parts.normalizers = {NormalForm::kNfc};  // as the models' tokenizer.json; llama.cpp leaves it
    split(modern_pattern(R"(\p{N})"));
  } else if (pre == "smollm") {
    parts.pre_tokenizer.add_digits(/*individual=*/true);
    split(kGpt2Pattern);
  } else {
    const std::vector<std::string> known(std::begin(kKnownPre), std::end(kKnownPre));
    std::string list;
    for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
    fail(parts.where, "tokenizer.ggml.pre: expected one of ", list, ", got '", printable(pre), "'",
         did_you_mean(pre, known));
  }
}

void add_tokens(const GgufVocabulary& source, PipelineParts& parts) {
  if (!source.token_types.empty() && source.token_types.size() != source.tokens.size()) {
    fail(source.where, "tokenizer.ggml.token_type: expected ", source.tokens.size(),
         " numbers, one for each token, got ", source.token_types.size());
  }
  const std::vector<int64_t> types = gguf_specials(source).types;
  for (size_t i = 0; i < source.tokens.size(); ++i) {
    const std::string& content = source.tokens[i];
    if (const size_t bad = find_invalid_utf8(content); bad != std::string::npos) {
      fail(source.where, "tokenizer.ggml.tokens: token ", i, ": not valid UTF-8 at byte ", bad);
    }
    parts.model.add(content, static_cast<int64_t>(i));
    const bool special = types[i] == kControlToken || types[i] == kUnknownToken;
    if (!special && types[i] != kUserDefinedToken) continue;
    AddedToken token;
    token.content = content;
    token.id = static_cast<int32_t>(i);
    token.special = special;
    parts.added.push_back(std::move(token));
  }
}

/// A normal token that only a merge can make, if there is one.
const std::string* merged_token(const PipelineParts& parts, const GgufVocabulary& source) {
  std::set<std::string_view> added;
  for (const AddedToken& token : parts.added) added.insert(token.content);
  for (const std::string& token : source.tokens) {
    const auto bytes = from_byte_characters(token);
    if (bytes && bytes->size() > 1 && added.count(token) == 0) return &token;
  }
  return nullptr;
}

void add_merges(const GgufVocabulary& source, PipelineParts& parts) {
  if (source.merges.empty()) {
    const std::string* token = merged_token(parts, source);
    if (token != nullptr) {
      fail(source.where, "tokenizer.ggml.merges: expected a merge for the token '",
           printable(*token), "' at least, got none");
    }
  }
  for (size_t i = 0; i < source.merges.size(); ++i) {
    const std::string& merge = source.merges[i];
    const size_t space = merge.find(' ', 1);
    if (space == std::string::npos || space + 1 == merge.size()) {
      fail(source.where, "tokenizer.ggml.merges: merge ", i, ": expected 'left right', got '",
           printable(merge), "'");
    }
    parts.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
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

}  // namespace

Pipeline load_gguf(const GgufVocabulary& source) {
  if (source.model != "gpt2") {
    fail(source.where, "tokenizer.ggml.model: expected 'gpt2' (byte-level BPE), got '",
         printable(source.model), "'");
  }
  PipelineParts parts(source.where);
  set_pre_tokenizer(source.pre, parts);
  add_tokens(source, parts);
  add_merges(source, parts);
  if (source.add_bos.value_or(adds_bos_by_default(source)))
    parts.prefix = {template_id(source, source.bos_token_id, "bos")};
  if (source.add_eos.value_or(false))
    parts.suffix = {template_id(source, source.eos_token_id, "eos")};
  return Pipeline(std::move(parts));
}

}  // namespace matlora::text
