// A tokenizer.json: loaded, and texts through it and back.
#include <array>

#include "fuzz/mutate.h"
#include "matlora/text/tokenizer.h"

namespace matlora::fuzz {
namespace {

constexpr auto kTexts = std::to_array<const char*>(
    {"", " ", "Hello, world!", "  two  spaces ", "e\xcc\x81\xc3\xa9 \xf0\x9f\x99\x82",
     "a\nb\r\n\tc", "12345 3.14", "<s>x</s><|im_end|>", "\xe2\x96\x81y", "it's we'LL",
     "\xe4\xbd\xa0\xe5\xa5\xbd"});

void read(std::string_view input) {
  const auto tokenizer = text::Tokenizer::from_json(as_file(input, "tokenizer.json"));
  for (const char* text : kTexts) {
    const std::vector<int32_t> ids = tokenizer.encode(text);
    tokenizer.decode(ids);
    tokenizer.decode(ids, /*skip_special=*/true);
  }
}

}  // namespace

const Target target{"tokenizer_json", read, mutate_json_text};

}  // namespace matlora::fuzz
