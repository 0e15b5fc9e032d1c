// The kinds of normalizers, a file each. A reader adds the steps of one part of tokenizer.json and
// throws UserError for what is malformed; normalizer.cpp has the table of their types.
#pragma once

#include <string>

#include "matlora/text/normalizer.h"
#include "matlora/text/unicode.h"

namespace matlora::text {

/// Brings a text into the normal form.
Normalizer::Step unicode_form(NormalForm form);
void read_unicode_form(const JsonObject& part, Normalizer& normalizer);

/// Every `from` becomes `to`.
Normalizer::Step replace_text(const std::string& from, const std::string& to);
void read_replace(const JsonObject& part, Normalizer& normalizer);

/// Puts `prefix` in front of a text that is not empty.
Normalizer::Step prepend(const std::string& prefix);
void read_prepend(const JsonObject& part, Normalizer& normalizer);

void read_strip(const JsonObject& part, Normalizer& normalizer);
/// By Unicode's full mapping; a capital sigma never becomes a final one.
Normalizer::Step lowercase();
void read_lowercase(const JsonObject& part, Normalizer& normalizer);
void read_strip_accents(const JsonObject& part, Normalizer& normalizer);

/// Bytes become characters of the byte-level alphabet (text/byte_level.h).
void read_byte_level(const JsonObject& part, Normalizer& normalizer);

/// BERT's: clean_text, handle_chinese_chars, strip_accents (absent: as lowercase), lowercase.
void read_bert(const JsonObject& part, Normalizer& normalizer);

/// SentencePiece's nmt rules: no control characters, many kinds of white space are spaces.
void read_nmt(const JsonObject& part, Normalizer& normalizer);

/// SentencePiece's table of replacements.
void read_precompiled(const JsonObject& part, Normalizer& normalizer);

}  // namespace matlora::text
