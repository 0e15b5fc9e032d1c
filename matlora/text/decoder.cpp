#include "matlora/text/decoder.h"

#include <utility>

#include "matlora/base/utf8.h"
#include "matlora/text/decoders/kinds.h"
#include "matlora/text/load/stage.h"

namespace matlora::text {
namespace {

constexpr StageKind<Decoder> kKinds[] = {
    {"BPEDecoder", read_end_of_word},
    {"ByteFallback", read_byte_fallback},
    {"ByteLevel", read_byte_level},
    {"CTC", read_ctc},
    {"Fuse", read_fuse},
    {"Metaspace", read_metaspace},
    {"Replace", read_replace},
    {"Strip", read_strip},
    {"WordPiece", read_word_piece},
};

}  // namespace

/// One call of append or finish.
struct Decoder::Run {
  DecodeProgress& progress;
  std::string& text;
};

/// A step that holds all tokens back and gives them as one; one that makes bytes a text.
void Decoder::join_tokens() {
  if (fused_ && joined_ == 0) {
    context_steps_.push_back({[](std::string_view token, DecodeState& state, const Next&) {
                                ++state.count;
                                state.held += token;
                              },
                              [](DecodeState& state, const Next& next) {
                                if (state.count > 0) next(state.held);
                              }});
    joined_ = context_steps_.size();
  }
  if (!in_bytes_) return;
  in_bytes_ = false;
  context_steps_.push_back(
      {[](std::string_view token, DecodeState&, const Next& next) { next(valid_utf8(token)); }});
}

void Decoder::add(TokenStep step) {
  join_tokens();
  if (context_steps_.empty()) {
    token_steps_.push_back(std::move(step));
    return;
  }
  context_steps_.push_back({[step = std::move(step)](std::string_view token, DecodeState&,
                                                     const Next& next) { next(step(token)); }});
}

void Decoder::add(ContextStep step) {
  join_tokens();
  context_steps_.push_back(std::move(step));
}

std::string Decoder::token_bytes(std::string_view token) const {
  std::string result(token);
  for (const TokenStep& step : token_steps_) result = step(result);
  return result;
}

std::string Decoder::added_token_bytes(std::string_view in_text) const {
  std::string bytes = token_bytes(in_text);
  const bool kept = in_bytes_ && (keeps_added_ || find_invalid_utf8(bytes) != std::string::npos);
  return kept ? std::string(in_text) : bytes;
}

void Decoder::feed(size_t step, std::string_view token, const Run& run) const {
  if (step == context_steps_.size()) {
    run.text += token;
    return;
  }
  context_steps_[step].feed(token, run.progress.steps[step],
                            [this, step, &run](auto result) { feed(step + 1, result, run); });
}

void Decoder::append(std::string_view token, DecodeProgress& progress, std::string& text) const {
  progress.steps.resize(context_steps_.size());
  feed(0, token, {progress, text});
}

void Decoder::finish(DecodeProgress& progress, std::string& text) const {
  progress.steps.resize(context_steps_.size());
  const Run run{progress, text};
  for (size_t step = 0; step < context_steps_.size(); ++step) {
    if (!context_steps_[step].finish) continue;
    context_steps_[step].finish(progress.steps[step],
                                [&](std::string_view result) { feed(step + 1, result, run); });
  }
  progress = {};
}

Decoder read_decoder(const JsonObject& part) {
  Decoder decoder;
  read_stage<Decoder>(part, kKinds, "decoders", decoder);
  return decoder;
}

Decoder spaced_decoder() {
  Decoder decoder;
  decoder.add(Decoder::ContextStep{
      [](std::string_view token, DecodeState& state, const Decoder::Next& next) {
        if (state.count++ > 0) next(" ");
        next(token);
      }});
  return decoder;
}

}  // namespace matlora::text
