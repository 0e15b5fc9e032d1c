#include "matlora/text/jinja/check.h"

#include <set>

#include "matlora/text/jinja/filters.h"

namespace matlora::text::jinja {
namespace {

/// Where a statement is.
struct Place {
  bool soft = false;     // within {% if %}: unknown filters are found when they are used
  bool in_loop = false;  // `break` has a loop to end
  bool below_loop = false;
};

class Checker {
 public:
  void body(const Body& body, Place place) {
    for (const auto& statement : body) check(*statement, place);
  }

 private:
  /// Macros around the current place, whose use of the special names is noted.
  std::vector<MacroDefinition*> macros_;

  void check(Statement& statement, Place place) {
    Place inner = place;
    inner.soft = false;
    switch (statement.kind) {
      case StatementKind::kIf:
        return check_if(statement, place);
      case StatementKind::kFor:
        return check_for(statement, place);
      case StatementKind::kMacro:
      case StatementKind::kCall:
        return check_macro(statement, place);
      case StatementKind::kBreak:
      case StatementKind::kContinue:
        if (place.in_loop) return;
        throw Fault(cat("'", statement.kind == StatementKind::kBreak ? "break" : "continue",
                        "' outside loop"),
                    statement.line);
      case StatementKind::kBlock:
      case StatementKind::kGeneration:
        inner.in_loop = false;
        break;
      default:
        break;
    }
    for (const auto* part : {&statement.target, &statement.value}) expression(part->get(), place);
    for (const auto& part : statement.expressions) expression(part.get(), place);
    target(statement.target.get(), place);
    for (const auto& part : statement.targets) target(part.get(), place);
    body(statement.body, inner);
  }

  void check_if(const Statement& statement, Place place) {
    place.soft = true;
    for (const auto& [condition, branch] : statement.branches) {
      expression(condition.get(), place);
      body(branch, place);
    }
    body(statement.otherwise, place);
  }

  void check_for(const Statement& statement, Place place) {
    expression(statement.value.get(), place);
    Place inner{false, true, true};
    target(statement.target.get(), inner);
    expression(statement.condition.get(), inner);
    body(statement.body, inner);
    inner.in_loop = place.in_loop;
    body(statement.otherwise, inner);
  }

  void check_macro(const Statement& statement, Place place) {
    MacroDefinition& macro = *statement.macro;
    expression(statement.value.get(), place);
    const Place inner{false, false, place.below_loop};
    for (const Parameter& parameter : macro.parameters) {
      expression(parameter.fallback.get(), inner);
    }
    macros_.push_back(&macro);
    body(macro.body, inner);
    macros_.pop_back();
    const auto is_parameter = [&](uint32_t id) {
      for (const Parameter& parameter : macro.parameters) {
        if (parameter.id != id) continue;
        if (id == kCallerId && !parameter.fallback && macro.uses_caller) {
          throw Fault("the special \"caller\" argument must be omitted or be given a default",
                      statement.line);
        }
        return true;
      }
      return false;
    };
    macro.uses_caller = macro.uses_caller && !is_parameter(kCallerId);
    macro.uses_varargs = macro.uses_varargs && !is_parameter(kVarargsId);
    macro.uses_kwargs = macro.uses_kwargs && !is_parameter(kKwargsId);
  }

  void target(const Expression* target, Place place) {
    if (!target) return;
    if (target->kind == ExpressionKind::kName && target->id == kLoopId && place.below_loop) {
      throw Fault("Can't assign to special loop variable in for-loop target", target->line);
    }
    for (const auto& item : target->items) this->target(item.get(), place);
  }

  void expression(const Expression* node, Place place) {
    if (!node) return;
    if (node->kind == ExpressionKind::kConditional) place.soft = true;
    if (!place.soft && node->kind == ExpressionKind::kFilter && !find_filter(node->text)) {
      throw Fault(cat("No filter named '", printable(node->text), "'."), node->line);
    }
    if (!place.soft && node->kind == ExpressionKind::kTest && !find_test(node->text)) {
      throw Fault(cat("No test named '", printable(node->text), "'."), node->line);
    }
    if (node->kind == ExpressionKind::kName) {
      for (MacroDefinition* const macro : macros_) {
        macro->uses_caller |= node->id == kCallerId;
        macro->uses_varargs |= node->id == kVarargsId;
        macro->uses_kwargs |= node->id == kKwargsId;
      }
    }
    for (const auto& item : node->items) expression(item.get(), place);
    for (const auto& [name, value] : node->named) expression(value.get(), place);
    expression(node->star.get(), place);
    expression(node->star_star.get(), place);
  }
};

/// Names of the template's outermost scope that are set before they are read there: a macro that
/// is called earlier sees them undefined, whatever the caller passed. Source: jinja2's scopes,
/// which are settled when it compiles.
class Order {
 public:
  void body(const Body& body) {
    for (const auto& statement : body) visit(*statement);
  }
  std::set<uint32_t> hidden;

 private:
  std::set<uint32_t> known_;
  bool branch_ = false;

  void visit(const Statement& statement) {
    switch (statement.kind) {
      case StatementKind::kIf: {
        const bool outer = std::exchange(branch_, true);
        for (const auto& [condition, body] : statement.branches) read(condition.get());
        for (const auto& [condition, body] : statement.branches) this->body(body);
        body(statement.otherwise);
        branch_ = outer;
        return;
      }
      case StatementKind::kMacro:
        return write(statement.macro->id);
      case StatementKind::kBlock:
        return;
      default:
        break;
    }
    for (const auto& part : statement.expressions) read(part.get());
    read(statement.value.get());
    if (statement.kind == StatementKind::kSet || statement.kind == StatementKind::kSetBlock) {
      write(*statement.target);
    }
  }

  void read(const Expression* node) {
    if (!node) return;
    if (node->kind == ExpressionKind::kName) known_.insert(node->id);
    for (const auto& item : node->items) read(item.get());
    for (const auto& [name, value] : node->named) read(value.get());
    read(node->star.get());
    read(node->star_star.get());
  }

  void write(const Expression& target) {
    if (target.kind == ExpressionKind::kName) write(target.id);
    if (target.kind == ExpressionKind::kMember) known_.insert(target.id);
    for (const auto& item : target.items) write(*item);
  }
  void write(uint32_t id) {
    if (known_.insert(id).second && !branch_) hidden.insert(id);
  }
};

}  // namespace

void check_program(Program& program) {
  Checker().body(program.body, {});
  Order order;
  order.body(program.body);
  program.hidden.assign(order.hidden.begin(), order.hidden.end());
}

}  // namespace matlora::text::jinja
