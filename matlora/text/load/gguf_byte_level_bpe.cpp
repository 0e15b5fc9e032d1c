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

/// Letters with case, as DeepSeek's tokenizer.json lists them.
constexpr const char* kDeepseekLetters =
    R"(\s?[)"
    R"(A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293})"
    R"(\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386})"
    R"(\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F})"
    R"(\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA})"
    R"(\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15})"
    R"(\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B})"
    R"(\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4})"
    R"(\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4})"
    R"(\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124})"
    R"(\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F})"
    R"(\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4})"
    R"(\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F})"
    R"(\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17})"
    R"(\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}\x{104B0}-\x{104D3})"
    R"(\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF})"
    R"(\x{1E900}-\x{1E943})"
    R"(]+)";
constexpr const char* kDeepseekIdeographs =
    R"([\x{4E00}-\x{9FA5}\x{0800}-\x{4E00}\x{AC00}-\x{D7FF}]+)";

constexpr const char* kContractions = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";

// Words with a leading non-letter, numbers of at most `digits`, line breaks apart from other space.
std::string modern_pattern(const std::string& digits) {
  return std::string(kContractions) + R"(|[^\r\n\p{L}\p{N}]?\p{L}+|)" + digits +
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
  add_split(pre, kDeepseekIdeographs);
  add_split(pre, R"(\p{N})");
}

void add_deepseek_llm(BytePre& pre) {
  add_split(pre, R"([\r\n])");
  add_split(pre, kDeepseekLetters);
  add_split(pre,
            R"(\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+)");
  add_split(pre, R"(\s+$)");
  add_split(pre, kDeepseekIdeographs);
  add_split(pre, R"(\p{N}+)");
}

/// Qwen 3.5: marks belong to the letters. Without NFC, as in llama.cpp.
void add_qwen35(BytePre& pre) {
  add_split(pre, std::string(kContractions) +
                     R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N})"
                     R"(| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
}

/// Words by their case: letters that are not a to z before letters that are not A to Z. (The
/// models' tokenizer.json goes by Unicode's cases.) `end` follows a word, `digits` is a number.
std::string cased_pattern(const std::string& end, const std::string& digits) {
  const std::string before = R"([^\r\n\p{L}\p{N}]?)";
  const std::string capitals = R"((?:(?=\p{L})[^a-z]))", small = R"((?:(?=\p{L})[^A-Z]))";
  return before + capitals + "*" + small + "+" + end + "|" + before + capitals + "+" + small + "*" +
         end + "|" + digits + R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

void add_gpt4o(BytePre& pre) {
  add_split(pre, cased_pattern(std::string(kContractions) + "?", R"(\p{N}{1,3})"));
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
    {"deepseek-llm", add_deepseek_llm},
    {"default", add_default},
    {"falcon", add_falcon},
    {"gemma4", nullptr},  // fill_text_bpe
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

void validate_merges(const GgufVocabulary& source, const std::vector<AddedToken>& added) {
  if (!source.merges.empty()) return;
  const std::string* token = merged_token(source, added);
  if (token != nullptr) {
    fail(source.where, "tokenizer.ggml.merges: expected a merge for the token '", printable(*token),
         "' at least, got none");
  }
}

}  // namespace

MergePairs gguf_merges(const GgufVocabulary& source) {
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

BytePre byte_level_pre(const GgufVocabulary& source) {
  const PreKind& kind = pre_kind(source);
  BytePre pre;
  pre.ignore_merges = kind.ignore_merges;
  kind.add(pre);
  return pre;
}

std::vector<std::string> byte_level_pre_names() {
  std::vector<std::string> names;
  for (const PreKind& kind : kPreKinds) {
    if (kind.add != nullptr) names.emplace_back(kind.name);
  }
  return names;
}

void fill_byte_level_bpe(const GgufVocabulary& source, Stages& stages) {
  if (source.pre == "gemma4") return fill_text_bpe(source, stages);
  const BytePre pre = byte_level_pre(source);
  validate_merges(source, stages.added);
  if (pre.nfc) stages.normalizer.add(unicode_form(NormalForm::kNfc));
  if (pre.digits) stages.pre_tokenizer.add(digits(/*individual=*/true));
  for (const std::string& pattern : pre.patterns) {
    stages.pre_tokenizer.add(
        split(regex_pattern(Regex(pattern, stages.where)), Behavior::kIsolated));
  }
  stages.pre_tokenizer.end_in_bytes();
  BpeOptions options;
  options.ignore_merges = pre.ignore_merges;
  stages.model =
      std::make_unique<ByteLevelBpe>(stages.vocabulary, gguf_merges(source), options, source.where);
  add_byte_level(stages.decoder);
  stages.decoder.keep_added_tokens();
}

}  // namespace matlora::text
