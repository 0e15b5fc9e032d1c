#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/model/families/family.h"

namespace matlora::model {
namespace {

/// A number or a list of numbers; empty when absent.
std::vector<int64_t> read_token_ids(const JsonObject& json, const std::string& key) {
  const Json* value = json.find(key);
  if (!value) return {};
  if (value->is_array()) return json.integers(key, 0, kMaxSize);
  return {json.integer(key, 0, kMaxSize)};
}

void read_hf_tokens(const JsonObject& json, const std::filesystem::path& directory,
                    Hyperparameters& of) {
  const Json* text = json.find("text_config");  // a wrapper says them here or there
  for (const JsonObject& part :
       {text && text->is_object() ? json.object("text_config") : json, json}) {
    const auto ids = read_token_ids(part, "eos_token_id");
    if (!ids.empty()) of.eos_token_ids = ids;
    if (part.find("bos_token_id")) of.bos_token_id = part.integer("bos_token_id", 0, kMaxSize);
  }
  const std::filesystem::path path = directory / "generation_config.json";
  if (!is_there(path)) return;
  const Json value = read_json(path);
  const auto ids = read_token_ids(JsonObject(value, path.string()), "eos_token_id");
  if (!ids.empty()) of.eos_token_ids = ids;
}

void read_gguf_tokens(const format::Gguf& file, Hyperparameters& of) {
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    if (!file.has(key)) continue;
    const int64_t id = file.integer(key, 0, kMaxSize);
    auto& ids = of.eos_token_ids;
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  const char* bos = "tokenizer.ggml.bos_token_id";
  if (file.has(bos)) of.bos_token_id = file.integer(bos, 0, kMaxSize);
}

/// Says what is missing of a kind of model that is known not to work.
void refuse_other_kinds(const std::string& where, const std::string& key, const std::string& type) {
  static const std::pair<const char*, const char*> kinds[] = {
      {"granitemoehybrid", "layers other than attention"},
      {"qwen3_5", "layers other than attention"},
      {"qwen3_next", "layers other than attention"},
      {"lfm2", "layers other than attention"},
      {"falcon_h1", "layers other than attention"},
      {"mamba", "layers other than attention"},
      {"mixtral", "mixtures of experts"},
      {"moe", "mixtures of experts"},
      {"gemma3n", "embeddings of every layer"},
      {"gemma4", "embeddings of every layer"},
  };
  for (const auto& [part, missing] : kinds) {
    if (type.find(part) != std::string::npos) {
      fail(where, key, " '", printable(type), "': ", missing, " are not supported");
    }
  }
}

void add(std::string& list, const std::string& name) { list += (list.empty() ? "" : ", ") + name; }

bool knows_hf(const std::string& type, std::span<const Family> known) {
  return std::any_of(known.begin(), known.end(), [&](const Family& family) {
    return std::any_of(family.hf_types.begin(), family.hf_types.end(),
                       [&](const HfType& own) { return type == own.type; });
  });
}

/// Whether a config.json of no family is one of a language model of a family and of other parts
/// (Mistral 3, LLaVA, SmolVLM): transformers calls the language model's part text_config.
bool is_wrapper(const JsonObject& json, std::span<const Family> known) {
  const Json* text = json.find("text_config");
  if (knows_hf(json.string("model_type"), known) || !text || !text->is_object()) return false;
  return knows_hf(json.object("text_config").string_or("model_type", ""), known);
}

/// The other parts' configurations.
std::string other_parts(const JsonObject& wrapper) {
  std::string names;
  for (const auto& [key, value] : wrapper.value().items()) {
    if (key != "text_config" && key.ends_with("_config") && value.is_object()) {
      add(names, printable(key));
    }
  }
  return names.empty() ? "all but text_config" : names;
}

/// The family of a config.json. A class that only shares the model_type is refused.
const Family& hf_family(const JsonObject& json, std::span<const Family> known) {
  const std::string type = json.string("model_type");
  std::string types;
  for (const Family& family : known) {
    for (const HfType& own : family.hf_types) {
      add(types, own.type);
      if (type != own.type) continue;
      if (!json.find("architectures")) return family;
      const std::vector<std::string> names = json.strings("architectures");
      if (std::find(names.begin(), names.end(), own.architecture) != names.end()) return family;
      fail(json.where(), "'architectures': expected ", own.architecture, ", got '",
           names.empty() ? "" : printable(names[0]), "'");
    }
  }
  refuse_other_kinds(json.where(), "model_type", type);
  const Json* text = json.find("text_config");
  const std::string inner =
      text && text->is_object() ? json.object("text_config").string_or("model_type", "") : "";
  refuse_other_kinds(json.where(), "'text_config': model_type", inner);
  fail(json.where(), "'model_type': expected ", types, ", got '", printable(type), "'",
       inner.empty() ? "" : cat(" around a '", printable(inner), "'"));
}

/// Null when there is none.
const Family* find_gguf_family(const std::string& architecture, std::span<const Family> known) {
  for (const Family& family : known) {
    const auto& own = family.gguf_architectures;
    if (std::find(own.begin(), own.end(), architecture) != own.end()) return &family;
  }
  return nullptr;
}

}  // namespace

std::span<const Family> families() {
  static const std::vector<Family> all = {llama_family(), mistral_family(), qwen2_family(),
                                          qwen3_family(), gemma2_family(),  gemma3_family(),
                                          phi3_family(),  smollm3_family(), olmo2_family(),
                                          olmo3_family(), granite_family()};
  return all;
}

const Family& gguf_family(const format::Gguf& file, std::span<const Family> known) {
  const std::string architecture = file.string("general.architecture");
  if (const Family* found = find_gguf_family(architecture, known)) return *found;
  std::string names;
  for (const Family& family : known) {
    for (const char* own : family.gguf_architectures) add(names, own);
  }
  refuse_other_kinds(file.file()->path().string(), "general.architecture", architecture);
  fail(file.file()->path().string(), "'general.architecture': expected ", names, ", got '",
       printable(architecture), "'");
}

bool knows_gguf(const format::Gguf& file) {
  return find_gguf_family(file.string_or("general.architecture", ""), families()) != nullptr;
}

std::string Family::gguf_name(const std::string& name) const {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return "";
  const std::string module = name.substr(0, dot), kind = name.substr(dot);  // ".weight", ".bias"
  for (const auto& [hf, gguf] : model_names) {
    if (module == hf) return gguf + kind;
  }
  const std::string prefix = "model.layers.";
  const size_t end = module.find('.', prefix.size());
  if (module.rfind(prefix, 0) != 0 || end == std::string::npos) return "";
  const std::string layer = module.substr(prefix.size(), end - prefix.size());
  for (const auto& [hf, gguf] : layer_names) {
    if (module.substr(end + 1) == hf) return "blk." + layer + "." + gguf + kind;
  }
  return "";
}

Configuration read_hf_configuration(const std::filesystem::path& directory,
                                    std::span<const Family> known) {
  const std::filesystem::path path = directory / "config.json";
  const Json value = read_json(path);
  const JsonObject whole(value, path.string());
  const bool wrapped = is_wrapper(whole, known);
  const JsonObject json = wrapped ? whole.object("text_config") : whole;
  const Family& family = hf_family(json, known);
  for (const JsonObject& part : {whole, json}) {
    if (!part.find("quantization_config")) continue;
    fail(part.where(), "'quantization_config': quantized checkpoints are not supported; use the ",
         "unquantized model or a GGUF file");
  }
  Configuration result{&family, family.read_hf(json)};
  if (wrapped) {
    result.of.left_out = other_parts(whole);
    result.of.tie_word_embeddings =
        whole.boolean_or("tie_word_embeddings", result.of.tie_word_embeddings);
  }
  read_hf_tokens(whole, directory, result.of);
  validate(result.of, path.string());
  return result;
}

Configuration read_gguf_configuration(const format::Gguf& file, std::span<const Family> known) {
  const Family& family = gguf_family(file, known);
  Configuration result{&family, family.read_gguf(file)};
  read_gguf_tokens(file, result.of);
  validate(result.of, file.file()->path().string());
  return result;
}

}  // namespace matlora::model
