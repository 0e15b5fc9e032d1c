#include "matlora/text/jinja/parser.h"

#include <algorithm>

#include "matlora/text/jinja/check.h"
#include "matlora/text/jinja/parser_state.h"

namespace matlora::text::jinja {
namespace {

using EndNames = std::initializer_list<std::string_view>;

class Parser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Program run() {
    Program program;
    program.body = statements({});
    program.names = std::move(names_);
    return program;
  }

 private:
  using StatementPtr = std::unique_ptr<Statement>;

  StatementPtr begin(StatementKind kind) {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->line = now().line;
    return statement;
  }

  /// Up to a tag whose name is one of `ends`, at which it stops; up to the end when there are none.
  Body statements(EndNames ends) {
    const Level level(*this);
    Body body;
    for (;;) {
      if (is(TokenKind::kData)) {
        body.push_back(begin(StatementKind::kData));
        body.back()->text = next().text;
      } else if (is(TokenKind::kPrintBegin)) {
        next();
        body.push_back(begin(StatementKind::kPrint));
        body.back()->expressions.push_back(tuple({}));
        if (!is(TokenKind::kPrintEnd)) fail_expected("end of print statement");
        next();
      } else if (is(TokenKind::kBlockBegin)) {
        next();
        if (is(TokenKind::kName) && std::find(ends.begin(), ends.end(), now().text) != ends.end()) {
          return body;
        }
        body.push_back(statement(ends));
        end_tag();
      } else {
        if (ends.size() > 0) fail_end(ends);
        return body;
      }
    }
  }

  void end_tag() {
    if (!is(TokenKind::kBlockEnd)) fail_expected("end of statement block");
    next();
  }

  [[noreturn]] void fail_end(EndNames ends) const {
    std::string names;
    for (const std::string_view name : ends) names += cat(names.empty() ? "'" : " or '", name, "'");
    fail_here(
        cat("Unexpected end of template. Jinja was looking for the following tags: ", names, "."));
  }

  /// The inside of a block: ":" may end its first tag.
  Body block(EndNames ends) {
    skip_operator(":");
    end_tag();
    return statements(ends);
  }
  /// A block with one end.
  Body block_to(std::string_view end) {
    Body body = block({end});
    next();
    return body;
  }

  struct Tag {
    std::string_view name;
    StatementPtr (Parser::*parse)();
  };

  StatementPtr statement(EndNames ends) {
    static constexpr Tag kTags[] = {{"for", &Parser::for_loop},
                                    {"if", &Parser::condition},
                                    {"set", &Parser::set},
                                    {"macro", &Parser::macro},
                                    {"call", &Parser::call},
                                    {"filter", &Parser::filter},
                                    {"with", &Parser::with},
                                    {"print", &Parser::print},
                                    {"block", &Parser::named_block},
                                    {"generation", &Parser::generation},
                                    {"break", &Parser::loop_break},
                                    {"continue", &Parser::loop_continue},
                                    {"autoescape", &Parser::autoescape}};
    if (!is(TokenKind::kName)) fail_here("tag name expected");
    for (const Tag& tag : kTags) {
      if (now().text == tag.name) return (this->*tag.parse)();
    }
    for (const char* const name : {"include", "import", "from", "extends"}) {
      if (is_name(name))
        fail_here(cat("{% ", name, " %} reads other files, which a chat template cannot"));
    }
    std::string expected;
    for (const std::string_view name : ends)
      expected += cat(expected.empty() ? "; expected '" : " or '", name, "'");
    fail_here(cat("Encountered unknown tag '", printable(now().text), "'", expected, "."));
  }

  StatementPtr for_loop() {
    StatementPtr loop = begin(StatementKind::kFor);
    next();
    loop->target = target(false, "in");
    if (!skip_name("in")) fail_expected("in");
    TupleRules rules;
    rules.conditional = false;
    rules.end_name = "recursive";
    loop->value = tuple(rules);
    if (skip_name("if")) loop->condition = expression();
    loop->recursive = skip_name("recursive");
    loop->body = block({"endfor", "else"});
    if (next().text == "else") loop->otherwise = block_to("endfor");
    return loop;
  }

  StatementPtr condition() {
    StatementPtr statement = begin(StatementKind::kIf);
    TupleRules rules;
    rules.conditional = false;
    for (;;) {
      next();
      ExpressionPtr test = tuple(rules);
      statement->branches.emplace_back(std::move(test), block({"elif", "else", "endif"}));
      if (is_name("elif")) continue;
      if (next().text == "else") statement->otherwise = block_to("endif");
      return statement;
    }
  }

  StatementPtr set() {
    StatementPtr statement = begin(StatementKind::kSet);
    next();
    statement->target = target(true);
    if (skip_operator("=")) {
      statement->value = tuple({});
      return statement;
    }
    statement->kind = StatementKind::kSetBlock;
    statement->value = filters(nullptr);
    statement->body = block_to("endset");
    return statement;
  }

  void signature(MacroDefinition& macro) {
    expect_operator("(");
    while (!is_operator(")")) {
      if (!macro.parameters.empty()) expect_operator(",");
      const Token name = expect(TokenKind::kName, "name");
      Parameter parameter{name.text, id_of(name.text), nullptr};
      if (skip_operator("=")) {
        parameter.fallback = expression();
      } else if (!macro.parameters.empty() && macro.parameters.back().fallback) {
        fail_here("non-default argument follows default argument");
      }
      macro.parameters.push_back(std::move(parameter));
    }
    next();
  }

  StatementPtr macro() {
    StatementPtr statement = begin(StatementKind::kMacro);
    next();
    statement->macro = std::make_unique<MacroDefinition>();
    statement->macro->name = expect(TokenKind::kName, "name").text;
    statement->macro->id = id_of(statement->macro->name);
    signature(*statement->macro);
    statement->macro->body = block_to("endmacro");
    return statement;
  }

  StatementPtr call() {
    StatementPtr statement = begin(StatementKind::kCall);
    next();
    statement->macro = std::make_unique<MacroDefinition>();
    statement->macro->name = "caller";
    if (is_operator("(")) signature(*statement->macro);
    statement->value = expression();
    if (statement->value->kind != ExpressionKind::kCall) {
      throw Fault("expected call", statement->line);
    }
    statement->macro->body = block_to("endcall");
    return statement;
  }

  StatementPtr filter() {
    StatementPtr statement = begin(StatementKind::kFilter);
    next();
    statement->value = filters(nullptr, true);
    statement->body = block_to("endfilter");
    return statement;
  }

  StatementPtr with() {
    StatementPtr statement = begin(StatementKind::kWith);
    next();
    while (!is(TokenKind::kBlockEnd)) {
      if (!statement->targets.empty()) expect_operator(",");
      statement->targets.push_back(target(false));
      expect_operator("=");
      statement->expressions.push_back(expression());
    }
    statement->body = block_to("endwith");
    return statement;
  }

  StatementPtr print() {
    StatementPtr statement = begin(StatementKind::kPrint);
    next();
    while (!is(TokenKind::kBlockEnd)) {
      if (!statement->expressions.empty()) expect_operator(",");
      statement->expressions.push_back(expression());
    }
    return statement;
  }

  StatementPtr named_block() {
    StatementPtr statement = begin(StatementKind::kBlock);
    next();
    statement->text = expect(TokenKind::kName, "name").text;
    statement->scoped = skip_name("scoped");
    if (is_name("required")) fail_here("a required block is for templates that extend others");
    statement->body = block_to("endblock");
    skip_name(statement->text);
    return statement;
  }

  StatementPtr generation() {
    StatementPtr statement = begin(StatementKind::kGeneration);
    next();
    statement->body = block_to("endgeneration");
    return statement;
  }

  StatementPtr loop_break() { return control(StatementKind::kBreak); }
  StatementPtr loop_continue() { return control(StatementKind::kContinue); }
  StatementPtr control(StatementKind kind) {
    StatementPtr statement = begin(kind);
    next();
    return statement;
  }

  /// A scope of its own, like {% with %}; only without escapes, as chat templates are rendered.
  StatementPtr autoescape() {
    StatementPtr statement = begin(StatementKind::kWith);
    next();
    const ExpressionPtr on = expression();
    if (on->kind != ExpressionKind::kConstant || truth(on->value)) {
      throw Fault("{% autoescape %} with anything but false is not supported", statement->line);
    }
    statement->body = block_to("endautoescape");
    return statement;
  }
};

}  // namespace

Program parse(std::string_view source) {
  Program program = Parser(tokens_of(source)).run();
  check_program(program);
  return program;
}

}  // namespace matlora::text::jinja
