#include "matlora/text/load/to_gguf.h"

#include <algorithm>
#include <map>
#include <set>

#include "matlora/text/load/gguf_models.h"
#include "matlora/text/load/gguf_specials.h"
#include "matlora/text/load/probe_texts.h"
#include "matlora/text/tokenizer.h"

namespace matlora::text {
namespace {

constexpr int64_t kUnusedToken = 5, kByteToken = 6;  // of tokenizer.ggml.token_type

bool is_byte(const std::string& token) {
  return token.size() == 6 && token.starts_with("<0x") && token.back() == '>';
}

class Converter {
 public:
  Converter(const std::filesystem::path& path, int64_t vocab_size)
      : path_(path), json_(read_json(path)), file_(json_, path.string()), size_(vocab_size) {
    source_.where = path.string();
  }

  GgufVocabulary convert() {
    const JsonObject model = file_.object("model");
    if (const std::string type = model.string_or("type", "BPE"); type != "BPE") {
      refuse(cat("a tokenizer of the model ", printable(type)));
    }
    add_tokens(model);
    const Tokenizer own = Tokenizer::from_json(path_);
    add_template(own);
    if (model.boolean_or("byte_fallback", false)) {
      fill_sentencepiece(model, own);
    } else {
      fill_byte_level(model, own);
    }
    return std::move(source_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    fail(source_.where, what, " has no words in a GGUF file that give the same tokens; expected a ",
         "directory to be written");
  }

  void add_tokens(const JsonObject& model) {
    const JsonObject vocab = model.object("vocab");
    std::map<int64_t, std::string> by_id;
    for (const auto& [token, id] : vocab.value().items()) {
      by_id[vocab.integer(token, 0, size_ - 1)] = token;
    }
    std::map<int64_t, int64_t> types;
    if (const Json* added = file_.find("added_tokens")) {
      for (const Json& value : *added) {
        const JsonObject token(value, source_.where + ": added_tokens");
        const int64_t id = token.integer("id", 0, size_ - 1);
        by_id[id] = token.string("content");
        types[id] = token.boolean_or("special", false) ? kControlToken : kUserDefinedToken;
      }
    }
    const std::string unknown = model.string_or("unk_token", "");
    for (int64_t id = 0; id < size_; ++id) {
      const auto token = by_id.find(id);
      const bool none = token == by_id.end();
      source_.tokens.push_back(none ? cat("[PAD", id, "]") : token->second);
      const std::string& text = source_.tokens.back();
      const bool is_unknown = !none && !unknown.empty() && text == unknown;
      if (is_unknown) source_.unknown_token_id = id;
      source_.token_types.push_back(none                  ? kUnusedToken
                                    : is_unknown          ? kUnknownToken
                                    : types.count(id) > 0 ? types[id]
                                                          : kNormalToken);
    }
  }

  /// What stands around every text, if that is one token at most.
  void add_template(const Tokenizer& own) {
    const std::vector<int32_t> plain = own.encode("a", false), whole = own.encode("a", true);
    const auto at = std::search(whole.begin(), whole.end(), plain.begin(), plain.end());
    const auto before = at - whole.begin();
    const auto behind = static_cast<ptrdiff_t>(whole.size() - plain.size()) - before;
    if (at == whole.end() || before > 1 || behind > 1) refuse("its post_processor");
    source_.add_bos = before == 1;
    source_.add_eos = behind == 1;
    if (before == 1) source_.bos_token_id = whole.front();
    if (behind == 1) source_.eos_token_id = whole.back();
  }

  std::vector<std::pair<std::string, std::string>> merges(const JsonObject& model) const {
    std::vector<std::pair<std::string, std::string>> pairs;
    const Json* list = model.find("merges");
    for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
      const Json& merge = (*list)[i];  // of a form that from_json has read
      if (merge.is_array()) {
        pairs.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
        continue;
      }
      const auto text = merge.get<std::string>();
      if (i == 0 && text.starts_with("#version")) continue;
      const size_t space = text.find(' ');
      pairs.emplace_back(text.substr(0, space), text.substr(space + 1));
    }
    return pairs;
  }

  void fill_byte_level(const JsonObject& model, const Tokenizer& own) {
    source_.model = "gpt2";
    for (const auto& [left, right] : merges(model)) source_.merges.push_back(left + " " + right);
    const bool ignore = model.boolean_or("ignore_merges", false);
    for (const std::string& name : byte_level_pre_names()) {
      source_.pre = name;
      if (byte_level_pre(source_).ignore_merges != ignore) continue;
      if (is_same(own)) return;
    }
    refuse("its pre_tokenizer");
  }

  void fill_sentencepiece(const JsonObject& model, const Tokenizer& own) {
    source_.model = "llama";
    source_.pre = "default";
    std::map<std::string, float> ranks;
    for (const auto& [left, right] : merges(model)) {
      ranks.emplace(left + right, -static_cast<float>(ranks.size()));
    }
    const auto last = -static_cast<float>(ranks.size());
    for (size_t id = 0; id < source_.tokens.size(); ++id) {
      const auto rank = ranks.find(source_.tokens[id]);
      source_.scores.push_back(rank == ranks.end() ? last : rank->second);
      if (is_byte(source_.tokens[id]) && source_.token_types[id] == kNormalToken) {
        source_.token_types[id] = kByteToken;
        source_.scores.back() = 0;
      }
    }
    for (const bool prefix : {true, false}) {
      source_.add_space_prefix = prefix;
      if (is_same(own)) return;
    }
    refuse("its normalizer or its order of merges");
  }

  bool is_same(const Tokenizer& own) const {
    try {
      return same_tokens(own, Tokenizer::from_gguf(source_));
    } catch (const UserError&) {
      return false;
    }
  }

  std::filesystem::path path_;
  Json json_;
  JsonObject file_;
  int64_t size_;
  GgufVocabulary source_;
};

}  // namespace

GgufVocabulary to_gguf(const std::filesystem::path& tokenizer_json, int64_t vocab_size) {
  return Converter(tokenizer_json, vocab_size).convert();
}

}  // namespace matlora::text
