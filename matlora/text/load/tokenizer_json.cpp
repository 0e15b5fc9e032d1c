// Tokenizers from the tokenizer.json of the Python package `tokenizers`. Each stage reads its own
// part; here they are put together.
#include <charconv>
#include <set>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/text/load/stage.h"
#include "matlora/text/stages.h"
#include "matlora/text/tokenizer.h"

namespace matlora::text {
namespace {

JsonObject part_of(const Json& value, const JsonObject& whole, const std::string& name) {
  return JsonObject(value, whole.where() + ": " + name);
}

AddedToken read_added_token(const JsonObject& entry, int64_t id) {
  AddedToken token;
  token.content = entry.string("content");
  token.id = static_cast<int32_t>(id);
  token.special = entry.boolean_or("special", false);
  token.single_word = entry.boolean_or("single_word", false);
  token.lstrip = entry.boolean_or("lstrip", false);
  token.rstrip = entry.boolean_or("rstrip", false);
  token.normalized = entry.boolean_or("normalized", !token.special);
  return token;
}

std::vector<AddedToken> read_added_tokens(const JsonObject& file) {
  if (file.find("added_tokens") == nullptr) return {};
  std::vector<AddedToken> tokens;
  for (const Json& value : array_of(file, "added_tokens")) {
    const JsonObject entry = part_of(value, file, "added_tokens");
    tokens.push_back(read_added_token(entry, entry.integer("id", 0, Vocabulary::kMaxId)));
  }
  return tokens;
}

/// `read` of the part `name`, or an empty stage when the file has none.
template <class Stage>
Stage read_part(const JsonObject& file, const std::string& name,
                Stage (*read)(const JsonObject& part)) {
  const Json* part = file.find(name);
  return part == nullptr ? Stage() : read(part_of(*part, file, name));
}

/// Tokens that only tokenizer_config.json next to the file names, in "added_tokens_decoder".
void read_configured_tokens(const std::filesystem::path& path, std::vector<AddedToken>& tokens) {
  if (!std::filesystem::exists(path)) return;
  const Json json = read_json(path);
  const JsonObject file(json, path.string());
  if (file.find("added_tokens_decoder") == nullptr) return;
  std::set<std::string> known;
  for (const AddedToken& token : tokens) known.insert(token.content);
  for (const auto& [key, value] : file.object("added_tokens_decoder").value().items()) {
    const JsonObject entry = part_of(value, file, "added_tokens_decoder: " + printable(key));
    int64_t id = -1;
    const char* end = key.data() + key.size();
    const auto [rest, error] = std::from_chars(key.data(), end, id);
    if (error != std::errc() || rest != end || id < 0 || id > Vocabulary::kMaxId) {
      fail(entry.where(), "expected an id from 0 to ", Vocabulary::kMaxId, " as key");
    }
    if (known.insert(entry.string("content")).second) tokens.push_back(read_added_token(entry, id));
  }
}

}  // namespace

Tokenizer Tokenizer::from_json(const std::filesystem::path& tokenizer_json) {
  const Json json = read_json(tokenizer_json);
  const JsonObject file(json, tokenizer_json.string());
  Stages stages(file.where());
  stages.normalizer = read_part(file, "normalizer", read_normalizer);
  stages.pre_tokenizer = read_part(file, "pre_tokenizer", read_pre_tokenizer);
  stages.post_processor = read_part(file, "post_processor", read_post_processor);
  stages.decoder =
      file.find("decoder") == nullptr ? spaced_decoder() : read_part(file, "decoder", read_decoder);
  const Json* model = file.find("model");
  if (model == nullptr) fail(file.where(), "'model' is missing");
  stages.model = read_model(part_of(*model, file, "model"), stages.pre_tokenizer.in_bytes(),
                            stages.vocabulary);
  if (!stages.model->in_bytes()) stages.pre_tokenizer.end_in_text();
  stages.added = read_added_tokens(file);
  read_configured_tokens(tokenizer_json.parent_path() / "tokenizer_config.json", stages.added);
  return Tokenizer(std::move(stages));
}

}  // namespace matlora::text
