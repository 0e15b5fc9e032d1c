// Source: transformers' PreTrainedTokenizerBase.from_pretrained and get_chat_template.
#include <algorithm>

#include "matlora/base/file.h"
#include "matlora/base/json.h"
#include "matlora/text/chat_template.h"

namespace matlora::text {
namespace {

NamedTemplate read_template(const fs::path& file, const std::string& name) {
  return {name, read_file(file), file.string()};
}

/// `chat_template` of tokenizer_config.json: a string, or a list of named ones.
std::vector<NamedTemplate> from_config(const fs::path& file) {
  std::vector<NamedTemplate> templates;
  const Json config = read_json(file);
  const Json* const value = JsonObject(config, file.string()).find("chat_template");
  if (!value) return templates;
  const std::string where = file.string() + ": 'chat_template'";
  if (value->is_string()) {
    templates.push_back({"default", value->get<std::string>(), where});
  } else if (value->is_array()) {
    for (const Json& one : *value) {
      const JsonObject entry(one, where);
      const std::string name = entry.string("name");
      templates.push_back({name, entry.string("template"), cat(where, " '", printable(name), "'")});
    }
  } else if (value->is_object()) {
    for (const auto& [name, text] : value->items()) {
      templates.push_back(
          {name, JsonObject(*value, where).string(name), cat(where, " '", printable(name), "'")});
    }
  } else {
    fail(where, "expected a string or a list of named templates, got ", value->type_name());
  }
  return templates;
}

}  // namespace

std::vector<NamedTemplate> find_chat_templates(const fs::path& directory) {
  std::vector<NamedTemplate> templates;
  if (const fs::path file = directory / "chat_template.jinja"; is_there(file)) {
    templates.push_back(read_template(file, "default"));
  }
  for (const char* const folder : {"additional_chat_templates", "chat_templates"}) {
    std::error_code error;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory / folder, error)) {
      if (entry.path().extension() == ".jinja") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files)
      templates.push_back(read_template(file, file.stem().string()));
  }
  if (!templates.empty()) return templates;
  const fs::path config = directory / "tokenizer_config.json";
  return is_there(config) ? from_config(config) : templates;
}

const NamedTemplate& choose_chat_template(const std::vector<NamedTemplate>& templates,
                                          const std::string& name, bool tools,
                                          const std::string& where) {
  const auto find = [&](const std::string& wanted) -> const NamedTemplate* {
    const auto found = std::find_if(templates.begin(), templates.end(),
                                    [&](const auto& one) { return one.name == wanted; });
    return found == templates.end() ? nullptr : &*found;
  };
  if (templates.empty()) fail(where, "the model has no chat template; name a file with one");
  const NamedTemplate* chosen = nullptr;
  if (!name.empty()) {
    chosen = find(name);
  } else {
    if (tools) chosen = find("tool_use");
    if (!chosen) chosen = find("default");
    if (!chosen && templates.size() == 1) chosen = &templates[0];
  }
  if (chosen) return *chosen;
  std::vector<std::string> names;
  std::string all;
  for (const auto& one : templates) {
    names.push_back(one.name);
    all += (all.empty() ? "" : ", ") + printable(one.name);
  }
  if (name.empty()) fail(where, "none of the chat templates is the default; choose one of ", all);
  fail(where, "no chat template '", printable(name), "'; there is ", all,
       did_you_mean(name, names));
}

OrderedJson template_tokens(const fs::path& directory) {
  constexpr const char* kNames[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                    "pad_token", "cls_token", "mask_token"};
  OrderedJson tokens = OrderedJson::object();
  for (const char* const name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    const fs::path file = directory / name;
    if (!is_there(file)) continue;
    const Json json = read_json(file);
    const JsonObject object(json, file.string());
    for (const char* const token : kNames) {
      const Json* const value = object.find(token);
      if (!value) continue;
      // A string, or an added token with its text as "content".
      tokens[token] =
          value->is_object() ? object.object(token).string("content") : object.string(token);
    }
  }
  return tokens;
}

}  // namespace matlora::text
