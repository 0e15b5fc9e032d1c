#include "matlora/model/base_name.h"

#include <algorithm>
#include <string_view>

#include "matlora/format/gguf.h"

namespace matlora::model {
namespace {

namespace fs = std::filesystem;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Letters and digits alone, in lower case: "Smollm2 135M" and "SmolLM2-135M" are one name.
std::string plain(const std::string& name) {
  std::string result;
  for (const char c : name) {
    if (is_alphanumeric(c)) result += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  return result;
}

std::string text_or_nothing(const format::Gguf& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return "";
  const auto* text = std::get_if<std::string>(&found->second);
  return text != nullptr ? *text : "";
}

/// "" for a repository of GGUF files too: transformers finds no weights there.
std::string weights_repository(const format::Gguf& file, const std::string& key) {
  std::string repository = hub_repository(text_or_nothing(file, key));
  return plain(repository).ends_with("gguf") ? "" : repository;
}

std::string gguf_base_name(const fs::path& path) {
  const format::Gguf file = format::Gguf::open(path);
  for (const char* key :
       {"general.source.repo_url", "general.source.url", "general.repo_url", "general.url"}) {
    std::string repository = weights_repository(file, key);
    if (!repository.empty()) return repository;
  }
  const std::string parent = "general.base_model.0.";
  const std::string name = plain(text_or_nothing(file, "general.name"));
  if (name.empty() || name != plain(text_or_nothing(file, parent + "name"))) return "";
  return weights_repository(file, parent + "repo_url");
}

}  // namespace

std::string hub_repository(const std::string& url) {
  std::string_view rest = url;
  for (const std::string_view start : {"https://", "http://", "www."}) {
    if (rest.starts_with(start)) rest.remove_prefix(start.size());
  }
  bool is_url = rest.size() != url.size();
  for (const std::string_view host : {"huggingface.co/", "hf.co/"}) {
    if (!rest.starts_with(host)) continue;
    rest.remove_prefix(host.size());
    is_url = false;
  }
  if (is_url) return "";  // of another host
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return "";
  const size_t end = std::min(rest.find_first_of("/?#", slash + 1), rest.size());
  const std::string_view organization = rest.substr(0, slash);
  const std::string_view name = rest.substr(slash + 1, end - slash - 1);
  for (const std::string_view part : {organization, name}) {
    const bool fits = !part.empty() && is_alphanumeric(part.front()) &&
                      std::all_of(part.begin(), part.end(), [](char c) {
                        return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
                      });
    if (!fits) return "";
  }
  if (organization == "datasets" || organization == "spaces") return "";
  return std::string(rest.substr(0, end));
}

std::string base_name(const fs::path& model) {
  std::error_code error;
  if (fs::is_directory(model, error)) {
    return fs::absolute(model).lexically_normal().string();
  }
  return fs::exists(model, error) ? gguf_base_name(model) : "";
}

}  // namespace matlora::model
