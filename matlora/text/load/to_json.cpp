// A GGUF vocabulary as tokenizer.json.
#include <algorithm>
#include <map>
#include <string_view>

#include "matlora/base/utf8.h"
#include "matlora/text/load/gguf_models.h"
#include "matlora/text/load/gguf_specials.h"
#include "matlora/text/load/to_gguf.h"

namespace matlora::text {
namespace {

constexpr const char* kSpace = "\u2581";

Json added_tokens(const GgufVocabulary& source) {
  const std::vector<int64_t> types = gguf_specials(source).types;
  Json list = Json::array();
  for (size_t id = 0; id < types.size(); ++id) {
    const bool special = types[id] == kControlToken || types[id] == kUnknownToken;
    if (!special && types[id] != kUserDefinedToken) continue;
    list.push_back({{"id", id},
                    {"content", source.tokens[id]},
                    {"single_word", false},
                    {"lstrip", false},
                    {"rstrip", false},
                    {"normalized", false},
                    {"special", special}});
  }
  return list;
}

Json vocabulary(const GgufVocabulary& source) {
  Json vocab = Json::object();
  for (size_t id = 0; id < source.tokens.size(); ++id) vocab[source.tokens[id]] = id;
  return vocab;
}

Json sequence(const char* key, Json parts) {
  if (parts.empty()) return nullptr;
  if (parts.size() == 1) return parts[0];
  return {{"type", "Sequence"}, {key, std::move(parts)}};
}

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

void add_byte_level(const GgufVocabulary& source, Json& file) {
  const BytePre pre = byte_level_pre(source);
  Json parts = Json::array(), merges = Json::array();
  if (pre.digits) parts.push_back({{"type", "Digits"}, {"individual_digits", true}});
  for (const std::string& pattern : pre.patterns) {
    parts.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", pattern}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  }
  parts.push_back(byte_level(false));
  for (const std::string& merge : source.merges) {
    const size_t space = merge.find(' ', 1);
    merges.push_back({merge.substr(0, space), merge.substr(space + 1)});
  }
  file["normalizer"] = pre.nfc ? Json{{"type", "NFC"}} : Json();
  file["pre_tokenizer"] = sequence("pretokenizers", std::move(parts));
  file["decoder"] = byte_level(true);
  file["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", pre.ignore_merges},
                   {"vocab", vocabulary(source)},
                   {"merges", std::move(merges)}};
}

/// Every pair of tokens that makes one, the best one first: llama.cpp merges by the score of what
/// is made.
Json merges_by_score(const GgufVocabulary& source) {
  std::map<std::string_view, size_t> ids;
  for (size_t id = 0; id < source.tokens.size(); ++id) ids.emplace(source.tokens[id], id);
  std::vector<size_t> order;
  for (size_t id = 0; id < source.tokens.size(); ++id) order.push_back(id);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return source.scores[a] > source.scores[b]; });
  Json merges = Json::array();
  for (const size_t id : order) {
    const std::string_view token = source.tokens[id];
    for (size_t cut = 1; cut < token.size(); ++cut) {
      if ((static_cast<unsigned char>(token[cut]) & 0xC0) == 0x80) continue;
      const std::string_view left = token.substr(0, cut), right = token.substr(cut);
      if (ids.count(left) > 0 && ids.count(right) > 0) merges.push_back({left, right});
    }
  }
  return merges;
}

void add_sentencepiece(const GgufVocabulary& source, Json& file) {
  if (source.scores.size() != source.tokens.size()) {
    fail(source.where, "tokenizer.ggml.scores: expected one for each token");
  }
  const bool prefix = source.add_space_prefix.value_or(true);
  Json normalizers = Json::array();
  if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", kSpace}});
  normalizers.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpace}});
  Json decoders = {{{"type", "Replace"}, {"pattern", {{"String", kSpace}}}, {"content", " "}},
                   {{"type", "ByteFallback"}},
                   {{"type", "Fuse"}}};
  if (prefix) {
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  file["normalizer"] = sequence("normalizers", std::move(normalizers));
  file["pre_tokenizer"] = nullptr;
  file["decoder"] = {{"type", "Sequence"}, {"decoders", std::move(decoders)}};
  const auto unknown = static_cast<size_t>(source.unknown_token_id.value_or(0));
  file["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", source.tokens.at(unknown)},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", true},
                   {"byte_fallback", true},
                   {"ignore_merges", false},
                   {"vocab", vocabulary(source)},
                   {"merges", merges_by_score(source)}};
}

/// BOS in front and EOS behind, where the file asks for them.
Json post_processor(const GgufVocabulary& source) {
  const bool bos = source.add_bos.value_or(adds_bos_by_default(source));
  const bool eos = source.add_eos.value_or(false);
  if (!bos && !eos) return nullptr;
  Json single = Json::array(), pair = Json::array(), tokens = Json::object();
  const auto add = [&](int64_t id, Json& list, int type) {
    const std::string& token = source.tokens.at(static_cast<size_t>(id));
    list.push_back({{"SpecialToken", {{"id", token}, {"type_id", type}}}});
    tokens[token] = {{"id", token}, {"ids", {id}}, {"tokens", {token}}};
  };
  const auto text = [](const char* id, int type) {
    return Json{{"Sequence", {{"id", id}, {"type_id", type}}}};
  };
  for (const int type : {0, 1}) {
    for (Json* list : {&single, &pair}) {
      if (list == &single && type == 1) continue;
      if (bos) add(source.bos_token_id.value(), *list, type);
      list->push_back(text(type == 0 ? "A" : "B", type));
      if (eos) add(source.eos_token_id.value(), *list, type);
    }
  }
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", tokens}};
}

}  // namespace

Json to_tokenizer_json(const GgufVocabulary& source) {
  Json file = {{"version", "1.0"},
               {"truncation", nullptr},
               {"padding", nullptr},
               {"added_tokens", added_tokens(source)}};
  source.model == "gpt2" ? add_byte_level(source, file) : add_sentencepiece(source, file);
  file["post_processor"] = post_processor(source);
  return file;
}

}  // namespace matlora::text
