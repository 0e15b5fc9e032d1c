// The kinds of normalizers, a file each. A reader adds the steps of one part of tokenizer.json and
// throws UserError for what is malformed; normalizer.cpp has the table of their types.
#pragma once

#include "matlora/text/normalizer.h"
#include "matlora/text/unicode.h"

namespace matlora::text {

/// Brings a text into the normal form.
Normalizer::Step unicode_form(NormalForm form);
void read_unicode_form(const JsonObject& part, Normalizer& normalizer);

void read_replace(const JsonObject& part, Normalizer& normalizer);

}  // namespace matlora::text
