// WordPiece, CTC: tokens of words, with English spaces tidied.
#include <array>
#include <utility>

#include "matlora/base/json.h"
#include "matlora/text/decoders/kinds.h"
#include "matlora/text/pattern.h"

namespace matlora::text {
namespace {

std::string replaced(std::string_view text, const std::string& from, const std::string& to) {
  return replace_matches(text, literal_pattern(from), to);
}

/// No space before punctuation and the ends of contractions, one after the other.
std::string tidied(std::string text) {
  static const std::array<std::pair<std::string, std::string>, 11> kChanges = {{
      {" .", "."},
      {" ?", "?"},
      {" !", "!"},
      {" ,", ","},
      {" ' ", "'"},
      {" n't", "n't"},
      {" 'm", "'m"},
      {" do not", " don't"},
      {" 's", "'s"},
      {" 've", "'ve"},
      {" 're", "'re"},
  }};
  for (const auto& [from, to] : kChanges) {
    if (text.find(from) != std::string::npos) text = replaced(text, from, to);
  }
  return text;
}

}  // namespace

void read_word_piece(const JsonObject& part, Decoder& decoder) {
  const std::string prefix = part.string_or("prefix", "##");
  const bool cleanup = part.boolean_or("cleanup", true);
  decoder.add(Decoder::ContextStep{
      [=](std::string_view token, DecodeState& state, const Decoder::Next& next) {
        std::string text(token);
        if (state.count++ > 0) {
          text = token.starts_with(prefix) ? text.substr(prefix.size()) : " " + text;
        }
        next(cleanup ? tidied(std::move(text)) : text);
      }});
}

void read_ctc(const JsonObject& part, Decoder& decoder) {
  const std::string pad = part.string_or("pad_token", "<pad>");
  const std::string delimiter = part.string_or("word_delimiter_token", "|");
  const bool cleanup = part.boolean_or("cleanup", true);
  decoder.add(Decoder::ContextStep{
      [=](std::string_view token, DecodeState& state, const Decoder::Next& next) {
        const bool repeated = state.count++ > 0 && state.held == token;
        state.held = token;
        if (repeated) return;
        std::string text = pad.empty() ? std::string(token) : replaced(token, pad, "");
        if (cleanup) {
          text = tidied(std::move(text));
          if (!delimiter.empty()) text = replaced(text, delimiter, " ");
        }
        if (!text.empty()) next(text);
      }});
}

}  // namespace matlora::text
