// One prompt -> new tokens, one at a time: batch.h's simple use.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/generate/batch.h"
#include "matlora/nn/decoder.h"

namespace matlora::generate {

/// Called with every token of the completion as it comes; false ends the completion there.
using OnToken = std::function<bool(int32_t token)>;

/// The completion's tokens, by nn::kFirstVariant. Throws BugError for an empty prompt. `on_token`
/// may be empty.
std::vector<int32_t> decode(const nn::Decoder& model, std::span<const int32_t> prompt,
                            const DecodeOptions& options, const OnToken& on_token = {});

}  // namespace matlora::generate
