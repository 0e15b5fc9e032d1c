// Expressions.
#include "matlora/text/jinja/attributes.h"
#include "matlora/text/jinja/depth.h"
#include "matlora/text/jinja/iterate.h"
#include "matlora/text/jinja/machine.h"
#include "matlora/text/jinja/operators.h"
#include "matlora/text/jinja/show.h"

namespace matlora::text::jinja {

Value Machine::evaluate(const Expression& node, const ScopePtr& scope) {
  const Deeper deeper(*this);
  spend();
  switch (node.kind) {
    case ExpressionKind::kConstant:
      return node.value;
    case ExpressionKind::kName:
      return evaluate_name(node, scope);
    case ExpressionKind::kTuple:
    case ExpressionKind::kList:
    case ExpressionKind::kDict:
      return evaluate_collection(node, scope);
    case ExpressionKind::kAttribute: {
      const Value owner = evaluate(*node.items[0], scope);
      line_ = node.line;
      return get_attribute(owner, node.text);
    }
    case ExpressionKind::kIndex:
      return evaluate_index(node, scope);
    case ExpressionKind::kCall:
      return evaluate_call(node, scope);
    case ExpressionKind::kFilter:
      return evaluate_filter(node, scope);
    case ExpressionKind::kTest: {
      const Value value = evaluate(*node.items[0], scope);
      Arguments arguments = evaluate_arguments(node, scope, 1);
      line_ = node.line;
      return Value(test(node.text, value, arguments));
    }
    case ExpressionKind::kNot:
      return Value(!truth(evaluate(*node.items[0], scope)));
    case ExpressionKind::kNegative:
      return negative(evaluate(*node.items[0], scope));
    case ExpressionKind::kPositive:
      return positive(evaluate(*node.items[0], scope));
    case ExpressionKind::kAnd: {
      const Value left = evaluate(*node.items[0], scope);
      return truth(left) ? evaluate(*node.items[1], scope) : left;
    }
    case ExpressionKind::kOr: {
      const Value left = evaluate(*node.items[0], scope);
      return truth(left) ? left : evaluate(*node.items[1], scope);
    }
    case ExpressionKind::kConditional:
      return evaluate_conditional(node, scope);
    case ExpressionKind::kConcat:
      return evaluate_concat(node, scope);
    case ExpressionKind::kCompare:
      return evaluate_compare(node, scope);
    case ExpressionKind::kArithmetic: {
      const Value left = evaluate(*node.items[0], scope);
      const Value right = evaluate(*node.items[1], scope);
      line_ = node.line;
      return arithmetic(node.text, left, right);
    }
    case ExpressionKind::kMember:
    case ExpressionKind::kSlice:
      break;
  }
  fault("a slice is only possible as an index");
}

Value Machine::evaluate_name(const Expression& node, const ScopePtr& scope) {
  if (const Value* const found = scope->find(node.id)) return *found;
  return undefined_name(program_.names[node.id]);
}

Value Machine::evaluate_collection(const Expression& node, const ScopePtr& scope) {
  if (node.kind == ExpressionKind::kDict) {
    std::vector<Member> members;
    for (size_t i = 0; i < node.items.size(); i += 2) {
      Value key = evaluate(*node.items[i], scope);
      members.emplace_back(std::move(key), evaluate(*node.items[i + 1], scope));
    }
    return make_dict(std::move(members));
  }
  std::vector<Value> items;
  items.reserve(node.items.size());
  for (const auto& item : node.items) items.push_back(evaluate(*item, scope));
  return make_list(std::move(items),
                   node.kind == ExpressionKind::kTuple ? ListKind::kTuple : ListKind::kList);
}

Value Machine::evaluate_index(const Expression& node, const ScopePtr& scope) {
  const Value owner = evaluate(*node.items[0], scope);
  const Expression& index = *node.items[1];
  if (index.kind != ExpressionKind::kSlice) {
    const Value at = evaluate(index, scope);
    line_ = node.line;
    return get_item(owner, at);
  }
  Value bounds[3];
  const Value* given[3] = {};
  for (size_t i = 0; i < 3; ++i) {
    if (!index.items[i]) continue;
    bounds[i] = evaluate(*index.items[i], scope);
    given[i] = &bounds[i];
  }
  line_ = node.line;
  expect_defined(owner);
  std::optional<Value> part = slice(owner, given[0], given[1], given[2]);
  return part ? *part : undefined_attribute(owner, "slice", true);
}

Arguments Machine::evaluate_arguments(const Expression& node, const ScopePtr& scope, size_t first) {
  Arguments arguments;
  for (size_t i = first; i < node.items.size(); ++i) {
    arguments.positional.push_back(evaluate(*node.items[i], scope));
  }
  for (const auto& [name, value] : node.named) {
    arguments.named.emplace_back(name, evaluate(*value, scope));
  }
  if (node.star) {
    for (Value& item : items_of(evaluate(*node.star, scope))) {
      arguments.positional.push_back(std::move(item));
    }
  }
  if (node.star_star) {
    const Value more = evaluate(*node.star_star, scope);
    if (!more.is_dict()) fault("argument after ** must be a mapping, not ", more.type_name());
    for (const auto& [key, value] : more.as_dict().members) {
      if (!key.is_string()) fault("keywords must be strings");
      arguments.named.emplace_back(key.bytes(), value);
    }
  }
  return arguments;
}

Value Machine::evaluate_call(const Expression& node, const ScopePtr& scope) {
  const Value callee = evaluate(*node.items[0], scope);
  Arguments arguments = evaluate_arguments(node, scope, 1);
  line_ = node.line;
  return call(callee, arguments);
}

Value Machine::evaluate_filter(const Expression& node, const ScopePtr& scope) {
  const Value value = node.items[0] ? evaluate(*node.items[0], scope) : filtered_;
  Arguments arguments = evaluate_arguments(node, scope, 1);
  line_ = node.line;
  return filter(node.text, value, arguments);
}

Value Machine::evaluate_conditional(const Expression& node, const ScopePtr& scope) {
  if (truth(evaluate(*node.items[0], scope))) return evaluate(*node.items[1], scope);
  if (node.items[2]) return evaluate(*node.items[2], scope);
  return make_undefined(cat("the inline if-expression on line ", node.line,
                            " evaluated to false and no else section was defined."));
}

Value Machine::evaluate_concat(const Expression& node, const ScopePtr& scope) {
  Builder out;
  for (const auto& item : node.items) add_text(out, evaluate(*item, scope));
  return make_string(out.take());
}

Value Machine::evaluate_compare(const Expression& node, const ScopePtr& scope) {
  Value left = evaluate(*node.items[0], scope);
  for (size_t i = 0; i < node.operators.size(); ++i) {
    Value right = evaluate(*node.items[i + 1], scope);
    line_ = node.line;
    if (!compare(node.operators[i], left, right)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

}  // namespace matlora::text::jinja
