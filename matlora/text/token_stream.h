// Ids -> text as they come: what shows a completion while it is generated.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "matlora/base/utf8.h"
#include "matlora/text/tokenizer.h"

namespace matlora::text {

/// Gets the ids of one text in pieces of any size, gives its text (valid UTF-8) as soon as nothing
/// later can change it. What it gives in all is `valid_utf8(tokenizer.decode(all ids))`: a
/// character whose bytes come in several tokens is held back until it is whole, bytes that can be
/// no character become U+FFFD.
class TokenStream {
 public:
  /// REQUIRES: `tokenizer` lives as long as the stream. `skip_special` leaves special tokens out.
  explicit TokenStream(const Tokenizer& tokenizer, bool skip_special = false)
      : tokenizer_(tokenizer), skip_special_(skip_special) {}

  /// The text that is certain once `ids` have come. REQUIRES: no id is negative.
  std::string feed(std::span<const int32_t> ids);
  std::string feed(int32_t id) { return feed({&id, 1}); }

  /// The end of the text, when no more ids come. The next id begins a new text.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_;
  DecodeProgress progress_;
  Utf8Stream characters_;
};

}  // namespace matlora::text
