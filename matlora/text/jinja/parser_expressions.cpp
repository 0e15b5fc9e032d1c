#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "matlora/text/jinja/parser_state.h"
#include "matlora/text/jinja/python_text.h"

namespace matlora::text::jinja {

ExpressionParser::ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {
  for (const char* const name : {"loop", "caller", "varargs", "kwargs"}) id_of(name);
}

ExpressionParser::Level::Level(ExpressionParser& parser) : parser_(parser) {
  if (parser.level_ == kMaxNesting) {
    parser.fail_here(cat("the template nests deeper than ", kMaxNesting, " levels"));
  }
  ++parser.level_;
}

Token ExpressionParser::next() {
  Token token = now();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool ExpressionParser::skip_operator(std::string_view text) {
  if (!is_operator(text)) return false;
  next();
  return true;
}

bool ExpressionParser::skip_name(std::string_view text) {
  if (!is_name(text)) return false;
  next();
  return true;
}

void ExpressionParser::fail_expected(std::string_view what) const {
  if (is(TokenKind::kEnd)) fail_here(cat("unexpected end of template, expected '", what, "'."));
  fail_here(cat("expected token '", what, "', got '", describe(now()), "'"));
}

void ExpressionParser::expect_operator(std::string_view text) {
  if (!skip_operator(text)) fail_expected(text);
}

Token ExpressionParser::expect(TokenKind kind, std::string_view called) {
  if (!is(kind)) fail_expected(called);
  return next();
}

uint32_t ExpressionParser::id_of(const std::string& name) {
  const auto [found, inserted] = ids_.try_emplace(name, static_cast<uint32_t>(names_.size()));
  if (inserted) names_.push_back(name);
  return found->second;
}

ExpressionPtr ExpressionParser::make(ExpressionKind kind, int line,
                                     std::vector<ExpressionPtr> items) {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->line = line;
  for (const auto& item : items) {
    if (item) node->height = std::max(node->height, item->height + 1);
  }
  if (node->height > kMaxNesting) {
    throw Fault(cat("an expression nests deeper than ", kMaxNesting, " levels"), line);
  }
  node->items = std::move(items);
  return node;
}

ExpressionPtr ExpressionParser::conditional() {
  const Level level(*this);
  int line = now().line;
  ExpressionPtr node = either();
  while (skip_name("if")) {
    ExpressionPtr condition = either();
    ExpressionPtr otherwise = skip_name("else") ? conditional() : nullptr;
    node = make(ExpressionKind::kConditional, line,
                several(std::move(condition), std::move(node), std::move(otherwise)));
    line = now().line;
  }
  return node;
}

ExpressionPtr ExpressionParser::either() {
  ExpressionPtr left = both();
  while (is_name("or")) {
    const int line = next().line;
    left = make(ExpressionKind::kOr, line, several(std::move(left), both()));
  }
  return left;
}

ExpressionPtr ExpressionParser::both() {
  ExpressionPtr left = negation();
  while (is_name("and")) {
    const int line = next().line;
    left = make(ExpressionKind::kAnd, line, several(std::move(left), negation()));
  }
  return left;
}

ExpressionPtr ExpressionParser::negation() {
  if (!is_name("not")) return comparison();
  const Level level(*this);
  const int line = next().line;
  return make(ExpressionKind::kNot, line, several(negation()));
}

ExpressionPtr ExpressionParser::comparison() {
  constexpr std::string_view kOperators[] = {"==", "!=", "<", "<=", ">", ">="};
  const int line = now().line;
  std::vector<ExpressionPtr> items = several(sum());
  std::vector<std::string> operators;
  for (;;) {
    if (is(TokenKind::kOperator) && std::find(std::begin(kOperators), std::end(kOperators),
                                              now().text) != std::end(kOperators)) {
      operators.push_back(next().text);
    } else if (skip_name("in")) {
      operators.push_back("in");
    } else if (is_name("not") && after().kind == TokenKind::kName && after().text == "in") {
      next();
      next();
      operators.push_back("not in");
    } else {
      break;
    }
    items.push_back(sum());
  }
  if (operators.empty()) return std::move(items[0]);
  ExpressionPtr node = make(ExpressionKind::kCompare, line, std::move(items));
  node->operators = std::move(operators);
  return node;
}

ExpressionPtr ExpressionParser::binary(ExpressionPtr (ExpressionParser::*part)(),
                                       std::initializer_list<std::string_view> operators) {
  ExpressionPtr left = (this->*part)();
  while (is(TokenKind::kOperator) &&
         std::find(operators.begin(), operators.end(), now().text) != operators.end()) {
    Token token = next();
    left = make(ExpressionKind::kArithmetic, token.line, several(std::move(left), (this->*part)()));
    left->text = std::move(token.text);
  }
  return left;
}

ExpressionPtr ExpressionParser::sum() {
  return binary(&ExpressionParser::concatenation, {"+", "-"});
}

ExpressionPtr ExpressionParser::concatenation() {
  const int line = now().line;
  std::vector<ExpressionPtr> items = several(product());
  while (skip_operator("~")) items.push_back(product());
  if (items.size() == 1) return std::move(items[0]);
  return make(ExpressionKind::kConcat, line, std::move(items));
}

ExpressionPtr ExpressionParser::product() {
  return binary(&ExpressionParser::power, {"*", "/", "//", "%"});
}

ExpressionPtr ExpressionParser::power() {
  ExpressionPtr left = unary();
  while (is_operator("**")) {
    const int line = next().line;
    left = make(ExpressionKind::kArithmetic, line, several(std::move(left), unary()));
    left->text = "**";
  }
  return left;
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  const Level level(*this);
  const int line = now().line;
  ExpressionPtr node;
  if (skip_operator("-")) {
    node = make(ExpressionKind::kNegative, line, several(unary(false)));
  } else if (skip_operator("+")) {
    node = make(ExpressionKind::kPositive, line, several(unary(false)));
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  while (with_filters) {
    if (is_operator("|")) {
      node = filters(std::move(node));
    } else if (is_name("is")) {
      node = test(std::move(node));
    } else if (is_operator("(")) {
      node = make(ExpressionKind::kCall, now().line, several(std::move(node)));
      arguments(*node);
    } else {
      break;
    }
  }
  return node;
}

ExpressionPtr ExpressionParser::number() {
  const Token token = next();
  ExpressionPtr node = make(ExpressionKind::kConstant, token.line);
  if (token.kind == TokenKind::kFloat) {
    node->value = Value(std::strtod(token.text.c_str(), nullptr));
    return node;
  }
  int64_t value = 0;
  try {
    check(read_int(token.text, 0, value), "the lexer lets only integers through");
  } catch (const Fault& fault) {
    throw Fault(fault.what(), token.line);
  }
  node->value = Value(value);
  return node;
}

ExpressionPtr ExpressionParser::primary(bool members) {
  const int line = now().line;
  if (is(TokenKind::kName)) {
    const std::string name = next().text;
    ExpressionPtr node = make(ExpressionKind::kConstant, line);
    if (name == "true" || name == "True" || name == "false" || name == "False") {
      node->value = Value(name[0] == 't' || name[0] == 'T');
    } else if (name == "none" || name == "None") {
      node->value = Value(None{});
    } else {
      node->kind = ExpressionKind::kName;
      node->id = id_of(name);
      if (members && skip_operator(".")) {
        node->kind = ExpressionKind::kMember;
        node->text = expect(TokenKind::kName, "name").text;
      }
    }
    return node;
  }
  if (is(TokenKind::kString)) {
    ExpressionPtr node = make(ExpressionKind::kConstant, line);
    std::string text;
    while (is(TokenKind::kString)) text += next().text;
    node->value = make_string(std::move(text));
    return node;
  }
  if (is(TokenKind::kInteger) || is(TokenKind::kFloat)) return number();
  if (skip_operator("(")) {
    TupleRules rules;
    rules.parentheses = true;
    ExpressionPtr node = tuple(rules);
    expect_operator(")");
    return node;
  }
  if (is_operator("[")) return list();
  if (is_operator("{")) return dict();
  fail_here(cat("unexpected '", describe(now()), "'"));
}

ExpressionPtr ExpressionParser::tuple(const TupleRules& rules) {
  const int line = now().line;
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  for (;;) {
    if (!items.empty()) expect_operator(",");
    if (is(TokenKind::kPrintEnd) || is(TokenKind::kBlockEnd) || is_operator(")") ||
        (!rules.end_name.empty() && is_name(rules.end_name))) {
      break;
    }
    items.push_back(rules.targets ? primary(rules.members) : expression(rules.conditional));
    if (!is_operator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) {
    if (!items.empty()) return std::move(items[0]);
    if (!rules.parentheses) {
      fail_here(cat("Expected an expression, got '", describe(now()), "'"));
    }
  }
  return make(ExpressionKind::kTuple, line, std::move(items));
}

ExpressionPtr ExpressionParser::list() {
  const int line = next().line;
  std::vector<ExpressionPtr> items;
  while (!is_operator("]")) {
    if (!items.empty()) expect_operator(",");
    if (is_operator("]")) break;
    items.push_back(expression());
  }
  expect_operator("]");
  return make(ExpressionKind::kList, line, std::move(items));
}

ExpressionPtr ExpressionParser::dict() {
  const int line = next().line;
  std::vector<ExpressionPtr> items;
  while (!is_operator("}")) {
    if (!items.empty()) expect_operator(",");
    if (is_operator("}")) break;
    items.push_back(expression());
    expect_operator(":");
    items.push_back(expression());
  }
  expect_operator("}");
  return make(ExpressionKind::kDict, line, std::move(items));
}

void ExpressionParser::check_target(const Expression& target) const {
  if (target.kind == ExpressionKind::kTuple) {
    for (const auto& item : target.items) check_target(*item);
  } else if (target.kind != ExpressionKind::kName && target.kind != ExpressionKind::kMember) {
    throw Fault("can't assign to this expression", target.line);
  }
}

ExpressionPtr ExpressionParser::target(bool members, std::string_view end_name) {
  TupleRules rules;
  rules.targets = true;
  rules.members = members;
  rules.end_name = end_name;
  ExpressionPtr node = tuple(rules);
  check_target(*node);
  return node;
}

}  // namespace matlora::text::jinja
