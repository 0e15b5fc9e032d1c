#include "matlora/data/prompts.h"

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/format/jsonl.h"

namespace matlora::data {
namespace {

std::string prompt_text(const JsonObject& record) {
  if (record.find("prompt") != nullptr) return record.string("prompt");
  if (record.find("question") != nullptr) return question_prompt(record.string("question"));
  fail(record.where(), "unknown form of record; expected the field prompt or question");
}

}  // namespace

std::string question_prompt(const std::string& question) {
  return "Question: " + question + "\nAnswer: ";
}

std::vector<Prompt> read_prompts(const std::filesystem::path& path,
                                 const text::Tokenizer& tokenizer, int64_t limit) {
  std::vector<Prompt> prompts;
  for (const format::JsonlRecord& record : format::read_jsonl(path, limit)) {
    const std::string where = path.string() + ":" + std::to_string(record.line);
    const std::string text = prompt_text(JsonObject(record.value, where));
    prompts.push_back({tokenizer.encode(text, /*add_special=*/true), where});
  }
  return prompts;
}

}  // namespace matlora::data
