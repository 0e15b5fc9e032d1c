// Punctuation, Whitespace, WhitespaceSplit, BertPreTokenizer, CharDelimiterSplit: Split with a
// fixed pattern.
#include "matlora/base/json.h"
#include "matlora/text/load/stage.h"
#include "matlora/text/pre_tokenizers/kinds.h"
#include "matlora/text/unicode.h"

namespace matlora::text {

void read_punctuation(const JsonObject& part, PreTokenizer& pre_tokenizer) {
  const bool given = part.find("behavior") != nullptr;
  const Behavior behavior = given ? read_behavior(part) : Behavior::kIsolated;
  pre_tokenizer.add(split(character_pattern(is_punctuation), behavior));
}

void read_whitespace(const JsonObject& part, PreTokenizer& pre_tokenizer) {
  const std::string word = kRustWord;
  const Regex words("[" + word + R"(]+|[^\s)" + word + "]+", part.where());
  pre_tokenizer.add(split(regex_pattern(words), Behavior::kRemoved, /*invert=*/true));
}

void read_whitespace_split(const JsonObject&, PreTokenizer& pre_tokenizer) {
  pre_tokenizer.add(split(character_pattern(is_white_space), Behavior::kRemoved));
}

void read_bert(const JsonObject&, PreTokenizer& pre_tokenizer) {
  pre_tokenizer.add(split(character_pattern(is_white_space), Behavior::kRemoved));
  pre_tokenizer.add(split(character_pattern(is_punctuation), Behavior::kIsolated));
}

void read_delimiter(const JsonObject& part, PreTokenizer& pre_tokenizer) {
  pre_tokenizer.add(split(literal_pattern(one_character(part, "delimiter")), Behavior::kRemoved));
}

}  // namespace matlora::text
