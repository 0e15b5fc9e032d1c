// The kinds of pre-tokenizers, a file each. A reader adds the steps of one part of tokenizer.json
// and throws UserError for what is malformed; pre_tokenizer.cpp has the table of their types.
#pragma once

#include <string>

#include "matlora/text/pattern.h"
#include "matlora/text/pre_tokenizer.h"
#include "matlora/text/pre_tokenizers/spans.h"

namespace matlora::text {

/// The key "behavior". Throws UserError naming one that is unknown.
Behavior read_behavior(const JsonObject& part);

/// Cuts at what the pattern matches, or, with `invert`, at what is between.
PreTokenizer::Step split(Pattern pattern, Behavior behavior, bool invert = false);
void read_split(const JsonObject& part, PreTokenizer& pre_tokenizer);

/// Cuts numbers from the rest of a text, and with `individual` their digits from each other.
PreTokenizer::Step digits(bool individual);
void read_digits(const JsonObject& part, PreTokenizer& pre_tokenizer);

/// BERT's words: no white space, each punctuation character by itself.
void read_bert(const JsonObject& part, PreTokenizer& pre_tokenizer);
/// Pieces of "length" characters, the last one shorter.
void read_fixed_length(const JsonObject& part, PreTokenizer& pre_tokenizer);

void read_punctuation(const JsonObject& part, PreTokenizer& pre_tokenizer);
void read_whitespace(const JsonObject& part, PreTokenizer& pre_tokenizer);
void read_whitespace_split(const JsonObject& part, PreTokenizer& pre_tokenizer);
void read_delimiter(const JsonObject& part, PreTokenizer& pre_tokenizer);
void read_metaspace(const JsonObject& part, PreTokenizer& pre_tokenizer);

/// GPT-2's pattern, which ByteLevel with use_regex applies.
extern const char* const kGpt2Pattern;
void read_byte_level(const JsonObject& part, PreTokenizer& pre_tokenizer);

}  // namespace matlora::text
