#include "matlora/text/token_stream.h"

namespace matlora::text {

std::string TokenStream::feed(std::span<const int32_t> ids) {
  return characters_.feed(tokenizer_.decode(ids, skip_special_, progress_));
}

std::string TokenStream::finish() {
  const std::string text = characters_.feed(tokenizer_.decode_end(progress_));
  return text + characters_.finish();
}

}  // namespace matlora::text
