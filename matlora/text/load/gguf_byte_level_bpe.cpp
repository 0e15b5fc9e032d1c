// A GGUF file's vocabulary for byte-level BPE: tokenizer.ggml.model "gpt2".
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/text/byte_level.h"
#include "matlora/text/decoders/kinds.h"
#include "matlora/text/load/gguf_models.h"
#include "matlora/text/models/byte_level_bpe.h"
#include "matlora/text/normalizers/kinds.h"
#include "matlora/text/pre_tokenizers/kinds.h"

namespace matlora::text {
namespace {

// Words with a leading non-letter, numbers of at most `digits`, line breaks apart from other space.
std::string modern_pattern(const std::string& digits) {
  const std::string contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  return contractions + R"(|[^\r\n\p{L}\p{N}]?\p{L}+|)" + digits +
         R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

void add_split(BytePre& pre, const std::string& pattern) { pre.patterns.push_back(pattern); }

/// llama.cpp: punctuation, GPT-2, numbers, numbers by threes.
void add_default(BytePre& pre) {
  add_split(pre, R"([\p{P}\$\+<=>\^~\|]+)");
  add_split(pre, kGpt2Pattern);
  add_split(pre, R"(\p{N}+)");
  add_split(pre, "[0-9][0-9][0-9]");
}

void add_gpt2(BytePre& pre) { add_split(pre, kGpt2Pattern); }

void add_llama3(BytePre& pre) { add_split(pre, modern_pattern(R"(\p{N}{1,3})")); }

/// NFC as the models' tokenizer.json has it; llama.cpp leaves it out.
void add_qwen2(BytePre& pre) {
  pre.nfc = true;
  add_split(pre, modern_pattern(R"(\p{N})"));
}

void add_smollm(BytePre& pre) {
  pre.digits = true;
  add_split(pre, kGpt2Pattern);
}

void add_falcon(BytePre& pre) {
  add_split(pre, R"([\p{P}\$\+<=>\^~\|`]+)");
  add_split(pre, kGpt2Pattern);
  add_split(pre, "[0-9][0-9][0-9]");
}

void add_deepseek_coder(BytePre& pre) {
  add_split(pre, R"([\r\n])");
  add_split(pre, R"(\s?\p{L}+)");
  add_split(pre, R"(\s?\p{P}+)");
  add_split(pre, R"([\x{4E00}-\x{9FA5}\x{0800}-\x{4E00}\x{AC00}-\x{D7FF}]+)");
  add_split(pre, R"(\p{N})");
}

/// Qwen 3.5: marks belong to the letters. Without NFC, as in llama.cpp.
void add_qwen35(BytePre& pre) {
  add_split(pre, R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N})"
                 R"(| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
}

/// Words by their case: capitals before small letters. `end` follows a word, `digits` is a number.
std::string cased_pattern(const std::string& end, const std::string& digits) {
  const std::string before = R"([^\r\n\p{L}\p{N}]?)";
  const std::string capitals = R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])";
  const std::string small = R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])";
  return before + capitals + "*" + small + "+" + end + "|" + before + capitals + "+" + small + "*" +
         end + "|" + digits + R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

/// The patterns of the models' tokenizer.json, which llama.cpp's come close to.
void add_gpt4o(BytePre& pre) {
  add_split(pre, cased_pattern("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", R"(\p{N}{1,3})"));
}

void add_tekken(BytePre& pre) { add_split(pre, cased_pattern("", R"(\p{N})")); }

/// A value of tokenizer.ggml.pre.
struct PreKind {
  const char* name;
  void (*add)(BytePre& pre);
  bool ignore_merges = false;
};

/// As llama.cpp's llm_tokenizer_bpe has them (src/llama-vocab.cpp at 00ad355).
constexpr PreKind kPreKinds[] = {
    {"command-r", add_smollm},
    {"dbrx", add_llama3},
    {"deepseek-coder", add_deepseek_coder},
    {"default", add_default},
    {"falcon", add_falcon},
    {"gpt-2", add_gpt2},
    {"gpt-4o", add_gpt4o},
    {"llama-bpe", add_llama3, true},
    {"olmo", add_gpt2},
    {"qwen2", add_qwen2},
    {"qwen35", add_qwen35},
    {"refact", add_smollm},
    {"smaug-bpe", add_llama3},
    {"smollm", add_smollm},
    {"starcoder", add_smollm},
    {"tekken", add_tekken, true},
};

const PreKind& pre_kind(const GgufVocabulary& source) {
  const std::string name = source.pre.empty() ? "default" : source.pre;
  std::vector<std::string> known;
  for (const PreKind& kind : kPreKinds) {
    if (kind.name == name) return kind;
    known.emplace_back(kind.name);
  }
  std::string list;
  for (const std::string& one : known) list += (list.empty() ? "" : ", ") + one;
  fail(source.where, "tokenizer.ggml.pre: expected one of ", list, ", got '", printable(name), "'",
       did_you_mean(name, known));
}

/// A normal token that only a merge can make, if there is one.
const std::string* merged_token(const GgufVocabulary& source,
                                const std::vector<AddedToken>& added_tokens) {
  std::set<std::string_view> added;
  for (const AddedToken& token : added_tokens) added.insert(token.content);
  for (const std::string& token : source.tokens) {
    const auto bytes = from_byte_characters(token);
    if (bytes && bytes->size() > 1 && added.count(token) == 0) return &token;
  }
  return nullptr;
}

MergePairs merge_pairs(const GgufVocabulary& source, const std::vector<AddedToken>& added) {
  if (source.merges.empty()) {
    const std::string* token = merged_token(source, added);
    if (token != nullptr) {
      fail(source.where, "tokenizer.ggml.merges: expected a merge for the token '",
           printable(*token), "' at least, got none");
    }
  }
  MergePairs pairs;
  pairs.reserve(source.merges.size());
  for (size_t i = 0; i < source.merges.size(); ++i) {
    const std::string& merge = source.merges[i];
    const size_t space = merge.find(' ', 1);
    if (space == std::string::npos || space + 1 == merge.size()) {
      fail(source.where, "tokenizer.ggml.merges: merge ", i, ": expected 'left right', got '",
           printable(merge), "'");
    }
    pairs.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return pairs;
}

}  // namespace

BytePre byte_level_pre(const GgufVocabulary& source) {
  const PreKind& kind = pre_kind(source);
  BytePre pre;
  pre.ignore_merges = kind.ignore_merges;
  kind.add(pre);
  return pre;
}

std::vector<std::string> byte_level_pre_names() {
  std::vector<std::string> names;
  for (const PreKind& kind : kPreKinds) names.emplace_back(kind.name);
  return names;
}

void fill_byte_level_bpe(const GgufVocabulary& source, Stages& stages) {
  const BytePre pre = byte_level_pre(source);
  if (pre.nfc) stages.normalizer.add(unicode_form(NormalForm::kNfc));
  if (pre.digits) stages.pre_tokenizer.add(digits(/*individual=*/true));
  for (const std::string& pattern : pre.patterns) {
    stages.pre_tokenizer.add(
        split(regex_pattern(Regex(pattern, stages.where)), Behavior::kIsolated));
  }
  stages.pre_tokenizer.end_in_bytes();
  BpeOptions options;
  options.ignore_merges = pre.ignore_merges;
  stages.model = std::make_unique<ByteLevelBpe>(
      stages.vocabulary, merge_pairs(source, stages.added), options, source.where);
  add_byte_level(stages.decoder);
}

}  // namespace matlora::text
