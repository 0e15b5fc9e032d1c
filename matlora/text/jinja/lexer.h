// A template's text -> tokens, with jinja2's rules of white space: trim_blocks and lstrip_blocks
// are on, the last newline goes. Source: jinja2's documentation, "Whitespace Control".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "matlora/text/jinja/budget.h"

namespace matlora::text::jinja {

enum class TokenKind {
  kData,
  kBlockBegin,
  kBlockEnd,
  kPrintBegin,
  kPrintEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  int line = 1;
  std::string text;  // unescaped for a string, without "_" for a number
};

/// What a message calls a token.
std::string describe(const Token& token);

/// Ends with a token of kEnd. Throws Fault with its line. REQUIRES: valid UTF-8.
std::vector<Token> tokens_of(std::string_view source);

}  // namespace matlora::text::jinja
