// FixedLength: pieces of as many characters.
#include "matlora/base/json.h"
#include "matlora/text/pre_tokenizers/kinds.h"

namespace matlora::text {

void read_fixed_length(const JsonObject& part, PreTokenizer& pre_tokenizer) {
  const int64_t length = part.integer_or("length", 5, 1, INT32_MAX);
  pre_tokenizer.add([length](const Piece& piece) -> Cut {
    std::vector<Span> spans;
    int64_t count = 0;
    for (size_t offset = 0; offset < piece.text.size(); ++count) {
      if (count % length == 0) spans.push_back({offset, offset, false});
      next_code_point(piece.text, offset);
      spans.back().end = offset;
    }
    return {std::move(spans), {}};
  });
}

}  // namespace matlora::text
