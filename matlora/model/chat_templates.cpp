#include "matlora/model/chat_templates.h"

#include "matlora/base/file.h"
#include "matlora/format/gguf.h"

namespace matlora::model {
namespace {

constexpr std::string_view kTemplate = "tokenizer.chat_template";

ChatTemplates from_gguf(const fs::path& path) {
  const format::Gguf file = format::Gguf::open(path);
  ChatTemplates found;
  for (const auto& [key, value] : file.metadata()) {
    const bool named = key.starts_with(kTemplate) && key.size() > kTemplate.size() + 1 &&
                       key[kTemplate.size()] == '.';
    if (key != kTemplate && !named) continue;
    const std::string name = named ? key.substr(kTemplate.size() + 1) : "default";
    found.templates.push_back({name, file.string(key), path.string() + ": " + printable(key)});
  }
  found.tokens = text::OrderedJson::object();
  if (!file.has("tokenizer.ggml.tokens")) return found;
  const auto& tokens = file.strings("tokenizer.ggml.tokens");
  constexpr std::pair<const char*, const char*> kIds[] = {
      {"bos_token", "tokenizer.ggml.bos_token_id"},
      {"eos_token", "tokenizer.ggml.eos_token_id"},
      {"unk_token", "tokenizer.ggml.unknown_token_id"},
      {"pad_token", "tokenizer.ggml.padding_token_id"}};
  const auto last = static_cast<int64_t>(tokens.size()) - 1;
  for (const auto& [name, key] : kIds) {
    if (!file.has(key)) continue;
    found.tokens[name] = tokens[static_cast<size_t>(file.integer(key, 0, last))];
  }
  return found;
}

}  // namespace

ChatTemplates chat_templates_of(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return from_gguf(path);
  return {text::find_chat_templates(path), text::template_tokens(path)};
}

}  // namespace matlora::model
