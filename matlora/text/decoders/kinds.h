// The kinds of decoders, a file each. A reader adds the steps of one part of tokenizer.json and
// throws UserError for what is malformed; decoder.cpp has the table of their types.
#pragma once

#include "matlora/text/decoder.h"

namespace matlora::text {

/// Turns characters that stand for bytes (byte_level.h) into these bytes; a token with others is
/// left as it is.
void add_byte_level(Decoder& decoder);
void read_byte_level(const JsonObject& part, Decoder& decoder);

}  // namespace matlora::text
