// Statements.
#include "matlora/text/jinja/depth.h"
#include "matlora/text/jinja/iterate.h"
#include "matlora/text/jinja/loop.h"
#include "matlora/text/jinja/machine.h"
#include "matlora/text/jinja/show.h"

namespace matlora::text::jinja {
namespace {

/// Puts a new place for the text in the way of the old one.
class Redirect {
 public:
  Redirect(Builder*& place, Builder& to) : place_(place), before_(place) { place = &to; }
  ~Redirect() { place_ = before_; }
  Redirect(const Redirect&) = delete;
  Redirect& operator=(const Redirect&) = delete;

 private:
  Builder*& place_;
  Builder* before_;
};

}  // namespace

Flow Machine::execute(const Body& body, const ScopePtr& scope) {
  for (const auto& statement : body) {
    const Flow flow = execute(*statement, scope);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

void Machine::write(std::string_view text) {
  const size_t most = Budget::current() ? Budget::current()->limits().output : Limits().output;
  if (text.size() > most - std::min(most, text_->size())) {
    fault("the template writes more than ", most >> 20, " MiB");
  }
  text_->add(text);
}

void Machine::print(const Value& value) {
  if (value.is_string()) return write(value.bytes());
  if (!value.is_undefined()) write(to_text(value));
}

Flow Machine::execute(const Statement& statement, const ScopePtr& scope) {
  const Deeper deeper(*this);
  spend();
  line_ = statement.line;
  switch (statement.kind) {
    case StatementKind::kData:
      write(statement.text);
      break;
    case StatementKind::kPrint:
      for (const auto& expression : statement.expressions) print(evaluate(*expression, scope));
      break;
    case StatementKind::kSet:
      assign(*statement.target, evaluate(*statement.value, scope), *scope, scope);
      break;
    case StatementKind::kIf:
      return execute_if(statement, scope);
    case StatementKind::kFor:
      if (!statement.recursive) {
        return for_loop(statement, scope, evaluate(*statement.value, scope), 0);
      }
      write(loop_text(statement, scope, evaluate(*statement.value, scope), 0).bytes());
      break;
    case StatementKind::kMacro: {
      keep(scope);
      const auto macro = std::make_shared<Macro>(*statement.macro, scope);
      scope->set(statement.macro->id, Value(std::static_pointer_cast<Object>(macro)));
      break;
    }
    case StatementKind::kCall:
      execute_call(statement, scope);
      break;
    case StatementKind::kSetBlock:
    case StatementKind::kFilter:
      return execute_captured(statement, scope);
    case StatementKind::kWith:
      return execute_with(statement, scope);
    case StatementKind::kBlock:
      return execute(statement.body, std::make_shared<Scope>(statement.scoped ? scope : root_));
    case StatementKind::kGeneration:
      execute_generation(statement, scope);
      break;
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

Flow Machine::execute_if(const Statement& statement, const ScopePtr& scope) {
  for (const auto& [condition, body] : statement.branches) {
    line_ = condition->line;
    if (truth(evaluate(*condition, scope))) return execute(body, scope);
  }
  return execute(statement.otherwise, scope);
}

Flow Machine::execute_with(const Statement& statement, const ScopePtr& scope) {
  const auto inner = std::make_shared<Scope>(scope);
  for (size_t i = 0; i < statement.targets.size(); ++i) {
    assign(*statement.targets[i], evaluate(*statement.expressions[i], scope), *inner, scope);
  }
  return execute(statement.body, inner);
}

/// {% set x %} and {% filter %}: the text of the body, which is lost when a loop is left in it.
Flow Machine::execute_captured(const Statement& statement, const ScopePtr& scope) {
  Builder captured;
  {
    const Redirect redirect(text_, captured);
    const Flow flow = execute(statement.body, std::make_shared<Scope>(scope));
    if (flow != Flow::kNext) return flow;
  }
  Value text = make_string(captured.take());
  if (statement.value) {
    std::swap(filtered_, text);
    text = evaluate(*statement.value, scope);
  }
  if (statement.kind == StatementKind::kFilter) {
    print(text);
  } else {
    assign(*statement.target, text, *scope, scope);
  }
  return Flow::kNext;
}

void Machine::execute_call(const Statement& statement, const ScopePtr& scope) {
  keep(scope);
  const Expression& call = *statement.value;
  const Value callee = evaluate(*call.items[0], scope);
  Arguments arguments = evaluate_arguments(call, scope, 1);
  const auto caller = std::make_shared<Macro>(*statement.macro, scope);
  arguments.named.emplace_back("caller", Value(std::static_pointer_cast<Object>(caller)));
  print(this->call(callee, arguments));
}

/// The range is counted from the text that the template has written so far, as transformers does.
void Machine::execute_generation(const Statement& statement, const ScopePtr& scope) {
  Builder captured;
  {
    const Redirect redirect(text_, captured);
    execute(statement.body, std::make_shared<Scope>(scope));
  }
  const size_t begin = root_text_.size();
  write(captured.text());
  generated_.push_back({begin, captured.take()});
}

void Machine::assign(const Expression& target, const Value& value, Scope& scope,
                     const ScopePtr& readable) {
  if (target.kind == ExpressionKind::kName) return scope.set(target.id, value);
  if (target.kind == ExpressionKind::kMember) {
    const Value* const space = readable->find(target.id);
    auto* const object = space ? space->object_as<Namespace>() : nullptr;
    if (!object) fault("cannot assign attribute on non-namespace object");
    return object->set(target.text, value);
  }
  if (!is_iterable(value)) fault("cannot unpack non-iterable ", value.type_name(), " object");
  const std::vector<Value> items = items_of(value);
  if (items.size() != target.items.size()) {
    fault(items.size() > target.items.size() ? "too many" : "not enough",
          " values to unpack (expected ", target.items.size(), ")");
  }
  for (size_t i = 0; i < items.size(); ++i) assign(*target.items[i], items[i], scope, readable);
}

Flow Machine::for_loop(const Statement& statement, const ScopePtr& outer, const Value& items,
                       int64_t depth) {
  Next next = iterate(items);
  if (statement.condition) {
    next = [this, &statement, outer, all = std::move(next)]() -> std::optional<Value> {
      while (std::optional<Value> item = all()) {
        const auto scope = std::make_shared<Scope>(outer);
        assign(*statement.target, *item, *scope, outer);
        if (truth(evaluate(*statement.condition, scope))) return item;
      }
      return std::nullopt;
    };
  }
  const auto loop = std::make_shared<Loop>(items, std::move(next),
                                           statement.condition ? std::nullopt : length_of(items),
                                           depth, statement, outer);
  const Value loop_value(std::static_pointer_cast<Object>(loop));
  const auto end = [](Loop* ended) { ended->end(); };
  const std::unique_ptr<Loop, decltype(end)> at_end(loop.get(), end);
  ScopePtr scope = std::make_shared<Scope>(outer);
  bool none = true;
  while (std::optional<Value> item = loop->advance()) {
    none = false;
    if (scope->kept) {
      scope = std::make_shared<Scope>(outer);  // a macro has the old one
    } else {
      scope->clear();
    }
    scope->set(kLoopId, loop_value);
    assign(*statement.target, *item, *scope, outer);
    const Flow flow = execute(statement.body, scope);
    if (flow == Flow::kBreak) break;
  }
  if (!none || statement.otherwise.empty()) return Flow::kNext;
  return execute(statement.otherwise, std::make_shared<Scope>(outer));
}

Value Machine::loop_text(const Statement& statement, const ScopePtr& outer, const Value& items,
                         int64_t depth) {
  const Deeper deeper(*this, 4);
  Builder captured;
  const Redirect redirect(text_, captured);
  for_loop(statement, outer, items, depth);
  return make_string(captured.take());
}

Value Machine::call_macro(const Macro& macro, Arguments& arguments) {
  const Deeper deeper(*this, 4);
  const MacroDefinition& definition = macro.definition;
  const auto scope = std::make_shared<Scope>(macro.outer);
  const auto take_named = [&](const std::string& name) -> std::optional<Value> {
    for (auto at = arguments.named.begin(); at != arguments.named.end(); ++at) {
      if (at->first != name) continue;
      Value value = at->second;
      arguments.named.erase(at);
      return value;
    }
    return std::nullopt;
  };
  const size_t count = definition.parameters.size();
  std::vector<std::optional<Value>> given(count);
  for (size_t i = 0; i < count; ++i) {
    given[i] = i < arguments.positional.size() ? arguments.positional[i]
                                               : take_named(definition.parameters[i].name);
    // Until it has its value a parameter is undefined, whatever the outer scopes hold.
    scope->set(definition.parameters[i].id, undefined_name(definition.parameters[i].name));
  }
  if (definition.uses_caller) {
    scope->set(kCallerId, take_named("caller").value_or(make_undefined("No caller defined")));
  }
  if (definition.uses_kwargs) {
    std::vector<Member> rest;
    for (const auto& [name, value] : arguments.named) rest.emplace_back(make_string(name), value);
    scope->set(kKwargsId, make_dict(std::move(rest)));
  } else if (!arguments.named.empty()) {
    fault("macro '", definition.name, "' takes no keyword argument '",
          printable(arguments.named[0].first), "'");
  }
  if (definition.uses_varargs) {
    std::vector<Value> rest;
    for (size_t i = count; i < arguments.positional.size(); ++i)
      rest.push_back(arguments.positional[i]);
    scope->set(kVarargsId, make_list(std::move(rest), ListKind::kTuple));
  } else if (arguments.positional.size() > count) {
    fault("macro '", definition.name, "' takes not more than ", count, " argument(s)");
  }
  for (size_t i = 0; i < count; ++i) {
    if (given[i]) scope->set(definition.parameters[i].id, *given[i]);
  }
  for (size_t i = 0; i < count; ++i) {
    const Parameter& parameter = definition.parameters[i];
    if (given[i]) continue;
    scope->set(parameter.id, parameter.fallback ? evaluate(*parameter.fallback, scope)
                                                : make_undefined(cat("parameter '", parameter.name,
                                                                     "' was not provided")));
  }
  Builder captured;
  const Redirect redirect(text_, captured);
  execute(definition.body, scope);
  return make_string(captured.take());
}

}  // namespace matlora::text::jinja
