#include "matlora/data/examples.h"

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/data/prompts.h"
#include "matlora/format/jsonl.h"

namespace matlora::data {
namespace {

struct Turn {
  std::string prompt, completion;
};

Turn read_turn(const JsonObject& record) {
  const auto has = [&](const char* key) { return record.find(key) != nullptr; };
  if (has("question") && has("answer")) {
    return {question_prompt(record.string("question")), record.string("answer")};
  }
  if (has("prompt") && has("completion")) {
    return {record.string("prompt"), record.string("completion")};
  }
  if (has("text")) return {"", record.string("text")};
  fail(record.where(),
       "unknown form of record; expected the fields question and answer, prompt and completion, or "
       "text");
}

/// Tokens of one turn, whole.
Example tokenize(const Turn& turn, const text::Tokenizer& tokenizer, int32_t eos_id) {
  Example example;
  const bool has_prompt = !turn.prompt.empty();
  if (has_prompt) example.tokens = tokenizer.encode(turn.prompt, /*add_special=*/true);
  example.first_label = static_cast<int64_t>(example.tokens.size());
  const auto completion = tokenizer.encode(turn.completion, /*add_special=*/!has_prompt);
  example.tokens.insert(example.tokens.end(), completion.begin(), completion.end());
  if (eos_id >= 0) example.tokens.push_back(eos_id);
  // Nothing comes before the first token, so nothing predicts it.
  if (example.first_label == 0) example.first_label = 1;
  return example;
}

}  // namespace

Examples read_examples(const std::filesystem::path& path, const text::Tokenizer& tokenizer,
                       const ExampleOptions& options) {
  check(options.max_length >= 1, "max_length ", options.max_length);
  Examples examples;
  for (const format::JsonlRecord& record : format::read_jsonl(path, options.limit)) {
    const std::string where = path.string() + ":" + std::to_string(record.line);
    const Turn turn = read_turn(JsonObject(record.value, where));
    if (turn.completion.empty()) fail(where, "the completion is empty: nothing to learn");
    Example example = tokenize(turn, tokenizer, options.eos_id);
    const auto length = static_cast<int64_t>(example.tokens.size());
    if (length > options.max_length) {
      example.tokens.resize(static_cast<size_t>(options.max_length));
      ++examples.truncated;
    }
    if (example.label_tokens() < 1) {
      fail(where, "no label tokens: the prompt takes ", example.first_label, " of at most ",
           options.max_length, " tokens; raise ", Field{"max_length"}, " or shorten the record");
    }
    examples.items.push_back(std::move(example));
  }
  return examples;
}

}  // namespace matlora::data
