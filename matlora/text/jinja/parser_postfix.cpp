// What follows a value: attributes, indices, calls, filters, tests.
#include <algorithm>

#include "matlora/text/jinja/parser_state.h"

namespace matlora::text::jinja {
ExpressionPtr ExpressionParser::postfix(ExpressionPtr node) {
  for (;;) {
    if (is_operator(".") || is_operator("[")) {
      node = subscript(std::move(node));
    } else if (is_operator("(")) {
      node = make(ExpressionKind::kCall, now().line, several(std::move(node)));
      arguments(*node);
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr node) {
  const Token token = next();
  if (token.text == ".") {
    if (is(TokenKind::kName)) {
      node = make(ExpressionKind::kAttribute, token.line, several(std::move(node)));
      node->text = next().text;
      return node;
    }
    if (!is(TokenKind::kInteger)) fail_here("expected name or number");
    ExpressionPtr index = primary();
    return make(ExpressionKind::kIndex, token.line, several(std::move(node), std::move(index)));
  }
  std::vector<ExpressionPtr> parts;
  while (!is_operator("]")) {
    if (!parts.empty()) expect_operator(",");
    parts.push_back(subscribed());
  }
  expect_operator("]");
  ExpressionPtr index = parts.size() == 1
                            ? std::move(parts[0])
                            : make(ExpressionKind::kTuple, token.line, std::move(parts));
  return make(ExpressionKind::kIndex, token.line, several(std::move(node), std::move(index)));
}

ExpressionPtr ExpressionParser::subscribed() {
  const int line = now().line;
  ExpressionPtr start, stop, step;
  if (!is_operator(":")) {
    start = expression();
    if (!is_operator(":")) return start;
  }
  next();
  const auto ends = [&] { return is_operator("]") || is_operator(","); };
  if (!is_operator(":") && !ends()) stop = expression();
  if (skip_operator(":") && !ends()) step = expression();
  return make(ExpressionKind::kSlice, line,
              several(std::move(start), std::move(stop), std::move(step)));
}

void ExpressionParser::arguments(Expression& call) {
  const int line = now().line;
  expect_operator("(");
  const auto allow = [&](bool allowed) {
    if (!allowed) throw Fault("invalid syntax for function call expression", line);
  };
  const auto grown = [&](ExpressionPtr part) {
    call.height = std::max(call.height, part->height + 1);
    if (call.height > kMaxNesting) fail_here("an expression nests too deep");
    return part;
  };
  bool first = true;
  while (!is_operator(")")) {
    if (!first) {
      expect_operator(",");
      if (is_operator(")")) break;
    }
    first = false;
    if (skip_operator("*")) {
      allow(!call.star && !call.star_star);
      call.star = grown(expression());
    } else if (skip_operator("**")) {
      allow(!call.star_star);
      call.star_star = grown(expression());
    } else if (is(TokenKind::kName) && after().kind == TokenKind::kOperator &&
               after().text == "=") {
      allow(!call.star_star);
      std::string name = next().text;
      next();
      call.named.emplace_back(std::move(name), grown(expression()));
    } else {
      allow(!call.star && !call.star_star && call.named.empty());
      call.items.push_back(grown(expression()));
    }
  }
  expect_operator(")");
}

std::string ExpressionParser::dotted_name() {
  std::string name = expect(TokenKind::kName, "name").text;
  while (skip_operator(".")) name += "." + expect(TokenKind::kName, "name").text;
  return name;
}

ExpressionPtr ExpressionParser::filters(ExpressionPtr input, bool bare) {
  while (bare || is_operator("|")) {
    if (!bare) next();
    bare = false;
    const int line = now().line;
    std::string name = dotted_name();
    input = make(ExpressionKind::kFilter, line, several(std::move(input)));
    input->text = std::move(name);
    if (is_operator("(")) arguments(*input);
  }
  return input;
}

ExpressionPtr ExpressionParser::test(ExpressionPtr input) {
  const int line = next().line;
  const bool negated = skip_name("not");
  std::string name = dotted_name();
  ExpressionPtr node = make(ExpressionKind::kTest, line, several(std::move(input)));
  node->text = std::move(name);
  const bool value_follows = is(TokenKind::kName) || is(TokenKind::kString) ||
                             is(TokenKind::kInteger) || is(TokenKind::kFloat) || is_operator("[") ||
                             is_operator("{");
  if (is_operator("(")) {
    arguments(*node);
  } else if (value_follows && !is_name("else") && !is_name("or") && !is_name("and")) {
    if (is_name("is")) fail_here("You cannot chain multiple tests with is");
    ExpressionPtr argument = postfix(primary());
    node->height = std::max(node->height, argument->height + 1);
    node->items.push_back(std::move(argument));
  }
  return negated ? make(ExpressionKind::kNot, line, several(std::move(node))) : std::move(node);
}

}  // namespace matlora::text::jinja
