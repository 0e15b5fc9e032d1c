// Tokenizers from the tokenizer.json of the Python package `tokenizers`. Each stage reads its own
// part; here they are put together.
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

std::vector<AddedToken> read_added_tokens(const JsonObject& file) {
  if (file.find("added_tokens") == nullptr) return {};
  std::vector<AddedToken> tokens;
  for (const Json& value : array_of(file, "added_tokens")) {
    const JsonObject entry = part_of(value, file, "added_tokens");
    AddedToken token;
    token.content = entry.string("content");
    token.id = static_cast<int32_t>(entry.integer("id", 0, Vocabulary::kMaxId));
    token.special = entry.boolean_or("special", false);
    token.single_word = entry.boolean_or("single_word", false);
    token.lstrip = entry.boolean_or("lstrip", false);
    token.rstrip = entry.boolean_or("rstrip", false);
    token.normalized = entry.boolean_or("normalized", !token.special);
    tokens.push_back(std::move(token));
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

/// Bytes go to a model that is for bytes, text to one that is for text.
void validate_bytes(const std::string& where, bool stage_in_bytes, const Model& model) {
  if (stage_in_bytes == model.in_bytes()) return;
  if (model.in_bytes()) fail(where, "expected ByteLevel, got none");
  fail(where, "ByteLevel is not supported with a model of text");
}

}  // namespace

Tokenizer Tokenizer::from_json(const std::filesystem::path& tokenizer_json) {
  const Json json = read_json(tokenizer_json);
  const JsonObject file(json, tokenizer_json.string());
  Stages stages(file.where());
  const Json* model = file.find("model");
  if (model == nullptr) fail(file.where(), "'model' is missing");
  stages.model = read_model(part_of(*model, file, "model"), stages.vocabulary);
  stages.added = read_added_tokens(file);
  stages.normalizer = read_part(file, "normalizer", read_normalizer);
  stages.pre_tokenizer = read_part(file, "pre_tokenizer", read_pre_tokenizer);
  const std::string where = file.where() + ": ";
  validate_bytes(where + "pre_tokenizer", stages.pre_tokenizer.in_bytes(), *stages.model);
  stages.post_processor = read_part(file, "post_processor", read_post_processor);
  stages.decoder = read_part(file, "decoder", read_decoder);
  validate_bytes(where + "decoder", stages.decoder.in_bytes(), *stages.model);
  return Tokenizer(std::move(stages));
}

}  // namespace matlora::text
