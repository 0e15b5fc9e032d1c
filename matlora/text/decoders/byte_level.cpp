// ByteLevel: the alphabet of characters for bytes, back to bytes.
#include "matlora/text/byte_level.h"

#include "matlora/text/decoders/kinds.h"

namespace matlora::text {

void add_byte_level(Decoder& decoder) {
  decoder.add([](std::string_view token) {
    return from_byte_characters(token).value_or(std::string(token));
  });
  decoder.end_in_bytes();
}

void read_byte_level(const JsonObject&, Decoder& decoder) { add_byte_level(decoder); }

}  // namespace matlora::text
