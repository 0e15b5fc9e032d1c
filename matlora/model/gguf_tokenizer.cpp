#include "matlora/model/gguf_tokenizer.h"

#include <unistd.h>

#include <algorithm>

#include "matlora/base/file.h"
#include "matlora/base/json.h"
#include "matlora/text/load/probe_texts.h"
#include "matlora/text/load/to_gguf.h"
#include "matlora/text/tokenizer.h"

namespace matlora::model {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "tokenizer.ggml.";

std::vector<float> scores(const format::Gguf& file) {
  const auto found = file.metadata().find("tokenizer.ggml.scores");
  if (found == file.metadata().end()) return {};  // Tokenizer::from_gguf says so
  const auto* numbers = std::get_if<std::vector<double>>(&found->second);
  if (numbers == nullptr) {
    fail(file.file()->path().string(), "tokenizer.ggml.scores: expected an array of floats");
  }
  return {numbers->begin(), numbers->end()};
}

std::optional<int64_t> id_of(const text::GgufVocabulary& source, const std::string& token) {
  const auto found = std::find(source.tokens.begin(), source.tokens.end(), token);
  if (found == source.tokens.end()) return std::nullopt;
  return found - source.tokens.begin();
}

/// A token of tokenizer_config.json: a text, or an object with its content; "" when absent.
std::string token_of(const JsonObject& config, const std::string& key) {
  const Json* value = config.find(key);
  if (value == nullptr) return "";
  return value->is_object() ? config.object(key).string("content") : config.string(key);
}

/// Of chat_template.jinja, or of tokenizer_config.json, there perhaps one of several; "" for none.
std::string chat_template(const fs::path& directory, const JsonObject& config) {
  if (is_there(directory / "chat_template.jinja")) {
    return read_file(directory / "chat_template.jinja");
  }
  const Json* value = config.find("chat_template");
  if (value == nullptr) return "";
  if (!value->is_array()) return config.string("chat_template");
  for (const Json& one : *value) {
    const JsonObject named(one, config.where() + ": chat_template");
    if (named.string("name") == "default") return named.string("template");
  }
  return "";
}

/// The special tokens' ids: as tokenizer_config.json names them, else as the model says.
std::map<std::string, int64_t> special_ids(const text::GgufVocabulary& source,
                                           const JsonObject& config, const Hyperparameters& of) {
  std::map<std::string, int64_t> ids;
  if (of.bos_token_id) ids["bos"] = *of.bos_token_id;
  if (!of.eos_token_ids.empty()) ids["eos"] = of.eos_token_ids.front();
  const std::pair<const char*, const char*> names[] = {{"bos", "bos_token"},
                                                       {"eos", "eos_token"},
                                                       {"unknown", "unk_token"},
                                                       {"padding", "pad_token"}};
  for (const auto& [name, key] : names) {
    const auto id = id_of(source, token_of(config, key));
    if (id) ids[name] = *id;
  }
  if (source.bos_token_id) ids["bos"] = *source.bos_token_id;
  if (source.eos_token_id) ids["eos"] = *source.eos_token_id;
  if (source.unknown_token_id) ids["unknown"] = *source.unknown_token_id;
  for (const int64_t id : of.eos_token_ids) {  // one more that ends an answer
    if (ids.count("eot") == 0 && id != ids["eos"]) ids["eot"] = id;
  }
  return ids;
}

}  // namespace

text::GgufVocabulary gguf_vocabulary(const format::Gguf& file) {
  text::GgufVocabulary vocabulary;
  vocabulary.where = file.file()->path().string();
  vocabulary.model = file.string("tokenizer.ggml.model");
  vocabulary.pre = file.string_or("tokenizer.ggml.pre", "default");
  vocabulary.tokens = file.strings("tokenizer.ggml.tokens");
  if (file.has("tokenizer.ggml.token_type")) {
    vocabulary.token_types = file.integers("tokenizer.ggml.token_type");
  }
  if (vocabulary.model == "gpt2") vocabulary.merges = file.strings("tokenizer.ggml.merges");
  if (vocabulary.model == "llama") vocabulary.scores = scores(file);
  const auto last = static_cast<int64_t>(vocabulary.tokens.size()) - 1;
  const auto id = [&](const std::string& name) -> std::optional<int64_t> {
    const std::string key = "tokenizer.ggml." + name + "_token_id";
    return file.has(key) ? std::optional(file.integer(key, 0, last)) : std::nullopt;
  };
  vocabulary.bos_token_id = id("bos");
  vocabulary.eos_token_id = id("eos");
  vocabulary.eot_token_id = id("eot");
  vocabulary.eom_token_id = id("eom");
  vocabulary.fim_pad_token_id = id("fim_pad");
  vocabulary.fim_rep_token_id = id("fim_rep");
  vocabulary.fim_sep_token_id = id("fim_sep");
  vocabulary.unknown_token_id = id("unknown");
  const auto flag = [&](const std::string& name) -> std::optional<bool> {
    const std::string key = "tokenizer.ggml.add_" + name;
    return file.has(key) ? std::optional(file.boolean_or(key, false)) : std::nullopt;
  };
  vocabulary.add_bos = flag("bos_token");
  vocabulary.add_eos = flag("eos_token");
  vocabulary.add_space_prefix = flag("space_prefix");
  return vocabulary;
}

void add_tokenizer(const fs::path& directory, const Hyperparameters& of, format::GgufPairs& pairs) {
  const text::GgufVocabulary source = text::to_gguf(directory / "tokenizer.json", of.vocab_size);
  const std::string start = kPrefix;
  const fs::path path = directory / "tokenizer_config.json";
  const Json json = is_there(path) ? read_json(path) : Json::object();
  const JsonObject config(json, path.string());
  std::vector<int32_t> types(source.token_types.begin(), source.token_types.end());
  pairs.string(start + "model", source.model)
      .string(start + "pre", source.pre)
      .strings(start + "tokens", source.tokens)
      .i32s(start + "token_type", types);
  if (source.model == "gpt2") pairs.strings(start + "merges", source.merges);
  if (!source.scores.empty()) pairs.f32s(start + "scores", source.scores);
  for (const auto& [name, id] : special_ids(source, config, of)) {
    pairs.u32(start + name + "_token_id", static_cast<uint32_t>(id));
  }
  pairs.boolean(start + "add_bos_token", source.add_bos.value_or(false))
      .boolean(start + "add_eos_token", source.add_eos.value_or(false));
  if (source.add_space_prefix) pairs.boolean(start + "add_space_prefix", *source.add_space_prefix);
  const std::string chat = chat_template(directory, config);
  if (!chat.empty()) pairs.string("tokenizer.chat_template", chat);
}

namespace {

/// A new directory that is removed with the object.
struct TemporaryDirectory {
  TemporaryDirectory() : path(fs::temp_directory_path() / cat("matlora-", ::getpid())) {
    fs::create_directories(path);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  fs::path path;
};

void check_same(const text::GgufVocabulary& source, const std::string& json) {
  const TemporaryDirectory directory;
  write_file(directory.path / "tokenizer.json", json);
  const auto read = text::Tokenizer::from_json(directory.path / "tokenizer.json");
  if (text::same_tokens(text::Tokenizer::from_gguf(source), read)) return;
  fail(source.where, "its vocabulary (", source.model, ", ", source.pre,
       ") has no tokenizer.json that gives the same tokens; expected a .gguf file to be written");
}

Json tokenizer_config(const format::Gguf& file, const text::GgufVocabulary& source) {
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"clean_up_tokenization_spaces", false},
                 {"add_bos_token", source.add_bos.value_or(false)}};
  const std::pair<const char*, std::string> names[] = {{"bos", "bos_token"},
                                                       {"eos", "eos_token"},
                                                       {"unknown", "unk_token"},
                                                       {"padding", "pad_token"}};
  for (const auto& [name, key] : names) {
    const std::string id = cat(kPrefix, name, "_token_id");
    const auto last = static_cast<int64_t>(source.tokens.size()) - 1;
    if (!file.has(id)) continue;
    config[key] = source.tokens[static_cast<size_t>(file.integer(id, 0, last))];
  }
  const std::string chat = file.string_or("tokenizer.chat_template", "");
  if (!chat.empty()) config["chat_template"] = chat;
  return config;
}

}  // namespace

std::map<std::string, std::string> tokenizer_files(const format::Gguf& file) {
  const text::GgufVocabulary source = gguf_vocabulary(file);
  text::Tokenizer::from_gguf(source);  // says what is wrong in it
  const std::string json = text::to_tokenizer_json(source).dump() + "\n";
  check_same(source, json);
  return {{"tokenizer.json", json},
          {"tokenizer_config.json", pretty(tokenizer_config(file, source)) + "\n"}};
}

}  // namespace matlora::model
