#include "matlora/generate/decode.h"

namespace matlora::generate {

std::vector<int32_t> decode(const nn::Decoder& model, std::span<const int32_t> prompt,
                            const DecodeOptions& options, const OnToken& on_token) {
  const Request request = {{prompt.begin(), prompt.end()}, options};
  std::vector<int32_t> result;
  BatchEvents events;
  if (on_token) events.on_token = [&](size_t, int32_t token) { return on_token(token); };
  events.on_finished = [&](size_t, const std::vector<int32_t>& completion) { result = completion; };
  decode_batch(model, {&request, 1}, /*max_sequences=*/1, events);
  return result;
}

}  // namespace matlora::generate
