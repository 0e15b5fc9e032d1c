#include "matlora/text/decoder.h"

#include <utility>

#include "matlora/text/decoders/kinds.h"
#include "matlora/text/load/stage.h"

namespace matlora::text {
namespace {

constexpr StageKind<Decoder> kKinds[] = {
    {"ByteLevel", read_byte_level},
};

}  // namespace

void Decoder::add(TokenStep step) { token_steps_.push_back(std::move(step)); }

void Decoder::add_place(PlaceStep step) { place_steps_.push_back(std::move(step)); }

void Decoder::end_in_bytes() { in_bytes_ = true; }

std::string Decoder::token_bytes(std::string_view token) const {
  std::string result(token);
  for (const TokenStep& step : token_steps_) result = step(result);
  return result;
}

std::string Decoder::added_token_bytes(std::string_view token, std::string_view in_text,
                                       bool encoded) const {
  return in_bytes_ && !encoded ? std::string(in_text) : token_bytes(token);
}

void Decoder::append(std::string_view bytes, DecodeProgress& progress, std::string& text) const {
  std::string_view shown = bytes;
  for (const PlaceStep& step : place_steps_) shown = step(shown, progress);
  progress.taken += bytes.size();
  progress.shown += shown.size();
  text += shown;
}

Decoder read_decoder(const JsonObject& part) {
  Decoder decoder;
  read_stage<Decoder>(part, kKinds, "decoders", decoder);
  return decoder;
}

}  // namespace matlora::text
