// One prompt -> new tokens, one at a time: batch.h's simple use. And bytes -> text to show.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "matlora/generate/batch.h"
#include "matlora/nn/decoder.h"

namespace matlora::generate {

/// Called with every token of the completion as it comes; false ends the completion there.
using OnToken = std::function<bool(int32_t token)>;

/// The completion's tokens, by nn::kFirstVariant. Throws BugError for an empty prompt. `on_token`
/// may be empty.
std::vector<int32_t> decode(const nn::Decoder& model, std::span<const int32_t> prompt,
                            const DecodeOptions& options, const OnToken& on_token = {});

/// Bytes that arrive piece by piece -> text that can be shown: a character whose last bytes are
/// still to come is held back, bytes that can be no character become U+FFFD.
class Utf8Stream {
 public:
  /// The text that is complete once `bytes` have arrived.
  std::string feed(std::string_view bytes);

  /// What is still held back, when no more bytes come.
  std::string finish();

 private:
  std::string held_;
};

/// Utf8Stream in one call: `bytes` with invalid sequences replaced by U+FFFD, one for each maximal
/// part of a sequence that could have become a character (as Unicode recommends and Python does).
std::string valid_utf8(std::string_view bytes);

}  // namespace matlora::generate
