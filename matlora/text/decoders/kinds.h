// The kinds of decoders, a file each. A reader adds the steps of one part of tokenizer.json and
// throws UserError for what is malformed; decoder.cpp has the table of their types.
#pragma once

#include <cstdint>
#include <string>

#include "matlora/text/decoder.h"

namespace matlora::text {

/// Turns characters that stand for bytes (byte_level.h) into these bytes; a token with others is
/// left as it is.
void add_byte_level(Decoder& decoder);
void read_byte_level(const JsonObject& part, Decoder& decoder);

/// Tokens "<0xXX>" that follow each other are the bytes of a text or, where these are not UTF-8,
/// U+FFFD each.
void read_byte_fallback(const JsonObject& part, Decoder& decoder);

void read_fuse(const JsonObject& part, Decoder& decoder);

void read_replace(const JsonObject& part, Decoder& decoder);

/// Removes up to `start` characters `content` at the beginning of each token and up to `stop` at
/// its end; of the whole text, part by part, where the tokens are one.
void add_strip(Decoder& decoder, const std::string& content, size_t start, size_t stop);
void read_strip(const JsonObject& part, Decoder& decoder);

/// The replacement character is a space, and nothing in the first token if texts are prefixed.
void read_metaspace(const JsonObject& part, Decoder& decoder);

/// The prefix of tokens that continue a word is cut off, the others get a space in front.
void read_word_piece(const JsonObject& part, Decoder& decoder);

/// Equal tokens in a row are one; the padding token is nothing.
void read_ctc(const JsonObject& part, Decoder& decoder);

/// BPEDecoder: the suffix that ends words is a space, and nothing in the last token.
void read_end_of_word(const JsonObject& part, Decoder& decoder);

}  // namespace matlora::text
