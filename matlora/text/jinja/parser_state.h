// The two halves of the parser: expressions, and statements on them.
#pragma once

#include <initializer_list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "matlora/text/jinja/ast.h"
#include "matlora/text/jinja/lexer.h"

namespace matlora::text::jinja {

constexpr size_t kMaxNesting = 200;

/// The operands of a node.
template <class... Items>
std::vector<ExpressionPtr> several(Items... items) {
  std::vector<ExpressionPtr> result;
  (result.push_back(std::move(items)), ...);
  return result;
}

class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens);

 protected:
  /// Counts what is open around the current token.
  class Level {
   public:
    explicit Level(ExpressionParser& parser);
    ~Level() { --parser_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    ExpressionParser& parser_;
  };

  const Token& now() const { return tokens_[at_]; }
  const Token& after() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token next();
  bool is(TokenKind kind) const { return now().kind == kind; }
  bool is_operator(std::string_view text) const {
    return is(TokenKind::kOperator) && now().text == text;
  }
  bool is_name(std::string_view text) const { return is(TokenKind::kName) && now().text == text; }
  bool skip_operator(std::string_view text);
  bool skip_name(std::string_view text);
  void expect_operator(std::string_view text);
  Token expect(TokenKind kind, std::string_view called);
  [[noreturn]] void fail_here(const std::string& message) const {
    throw Fault(message, now().line);
  }
  [[noreturn]] void fail_expected(std::string_view what) const;

  uint32_t id_of(const std::string& name);
  ExpressionPtr make(ExpressionKind kind, int line, std::vector<ExpressionPtr> items = {});

  struct TupleRules {
    bool conditional = true;         // a conditional expression may be a part
    bool parentheses = false;        // nothing is an empty tuple
    bool targets = false;            // only names and literals
    bool members = false;            // namespace.name too
    std::string_view end_name = {};  // a name that ends it: "in", "recursive"
  };
  ExpressionPtr tuple(const TupleRules& rules);
  ExpressionPtr expression(bool conditional = true) {
    return conditional ? this->conditional() : either();
  }
  ExpressionPtr primary(bool members = false);
  /// Filters behind "|"; `bare`: the first has no "|".
  ExpressionPtr filters(ExpressionPtr input, bool bare = false);
  /// What may be assigned to.
  ExpressionPtr target(bool members, std::string_view end_name = {});
  void check_target(const Expression& target) const;

  std::vector<std::string> names_;

 private:
  ExpressionPtr conditional();
  ExpressionPtr either();
  ExpressionPtr both();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool with_filters = true);
  ExpressionPtr binary(ExpressionPtr (ExpressionParser::*part)(),
                       std::initializer_list<std::string_view> operators);
  ExpressionPtr number();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr postfix(ExpressionPtr node);
  ExpressionPtr subscript(ExpressionPtr node);
  ExpressionPtr subscribed();
  ExpressionPtr test(ExpressionPtr input);
  void arguments(Expression& call);
  std::string dotted_name();

  std::vector<Token> tokens_;
  size_t at_ = 0, level_ = 0;
  std::unordered_map<std::string, uint32_t> ids_;
};

}  // namespace matlora::text::jinja
