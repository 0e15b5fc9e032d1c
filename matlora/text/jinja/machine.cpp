#include "matlora/text/jinja/machine.h"

#include <algorithm>

#include "matlora/text/jinja/filters.h"
#include "matlora/text/jinja/globals.h"
#include "matlora/text/jinja/loop.h"
#include "matlora/text/jinja/python_text.h"
#include "matlora/text/jinja/show.h"

namespace matlora::text::jinja {

uint32_t Arguments::depth() const {
  uint32_t depth = 0;
  for (const Value& value : positional) depth = std::max(depth, value.depth());
  for (const auto& [name, value] : named) depth = std::max(depth, value.depth());
  return depth;
}

Value make_function(std::string name, Native call, uint32_t inside) {
  return Value(std::static_pointer_cast<Object>(
      std::make_shared<Function>(std::move(name), std::move(call), inside)));
}

const Value* Scope::find(uint32_t id) const {
  for (const Scope* scope = this; scope; scope = scope->outer_.get()) {
    for (const auto& [known, value] : scope->values_) {
      if (known == id) return &value;
    }
  }
  return nullptr;
}

void Scope::set(uint32_t id, Value value) {
  for (auto& [known, old] : values_) {
    if (known == id) {
      old = std::move(value);
      return;
    }
  }
  values_.emplace_back(id, std::move(value));
}

std::string Macro::shown() const { return cat("<Macro ", python_quoted(definition.name), ">"); }

std::optional<Value> Macro::attribute(const std::string& name) {
  if (name == "name") return make_string(definition.name);
  if (name == "catch_kwargs") return Value(definition.uses_kwargs);
  if (name == "catch_varargs") return Value(definition.uses_varargs);
  if (name == "caller") return Value(definition.uses_caller);
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names;
  for (const Parameter& parameter : definition.parameters)
    names.push_back(make_string(parameter.name));
  return make_list(std::move(names), ListKind::kTuple);
}

std::string Namespace::shown() const {
  if (values_.empty()) return "<Namespace {}>";
  Builder out;
  out.add("<Namespace {");
  for (size_t i = 0; i < values_.size(); ++i) {
    if (i > 0) out.add(", ");
    out.add(python_quoted(values_[i].first));
    out.add(": ");
    if (values_[i].second.is_object()) {
      out.add("..");  // namespaces can hold themselves
    } else {
      add_repr(out, values_[i].second);
    }
  }
  out.add("}>");
  return out.take();
}

std::optional<Value> Namespace::attribute(const std::string& name) {
  for (const auto& [known, value] : values_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

void Namespace::set(const std::string& name, Value value) {
  if (name.starts_with('_')) {
    fault("Chat templates cannot store underscore-prefixed attributes on a namespace, but got ",
          python_quoted(name), ". Please rename the attribute.");
  }
  spend();
  const auto found = std::find_if(values_.begin(), values_.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found != values_.end()) {
    found->second = std::move(value);
  } else {
    values_.emplace_back(name, std::move(value));
  }
}

Machine::Machine(const Program& program,
                 const std::vector<std::pair<std::string, Value>>& variables, const std::tm& now)
    : program_(program),
      now_(now),
      base_(std::make_shared<Scope>(nullptr)),
      root_(std::make_shared<Scope>(base_)) {
  for (uint32_t id = 0; id < program.names.size(); ++id) {
    const std::string& name = program.names[id];
    const auto given = std::find_if(variables.begin(), variables.end(),
                                    [&](const auto& variable) { return variable.first == name; });
    if (given != variables.end()) {
      base_->set(id, given->second);
    } else if (std::optional<Value> global = global_named(name)) {
      base_->set(id, std::move(*global));
    }
  }
  for (const uint32_t id : program.hidden) root_->set(id, undefined_name(program.names[id]));
  keep(root_);
}

Machine::~Machine() {
  // What holds itself in a circle comes apart: macros and their scopes, namespaces.
  filtered_ = Value();
  for (const auto& scope : kept_scopes_) scope->clear();
  for (const auto& space : namespaces_) space->clear();
}

void Machine::run() { execute(program_.body, root_); }

void Machine::keep(const std::shared_ptr<Scope>& scope) {
  if (scope->kept) return;
  spend();
  scope->kept = true;
  kept_scopes_.push_back(scope);
}

std::shared_ptr<Namespace> Machine::make_namespace() {
  expect_memory(namespaces_.size() * 128);
  namespaces_.push_back(std::make_shared<Namespace>());
  return namespaces_.back();
}

Value Machine::call(const Value& callee, Arguments& arguments) {
  spend();
  expect_defined(callee);
  if (auto* const function = callee.object_as<Function>()) return function->call(*this, arguments);
  if (auto* const macro = callee.object_as<Macro>()) return call_macro(*macro, arguments);
  if (auto* const loop = callee.object_as<Loop>()) return loop->recurse(*this, arguments);
  if (auto* const object = callee.object_as<CallableObject>())
    return object->call(*this, arguments);
  fault("'", callee.type_name(), "' object is not callable");
}

Value Machine::filter(const std::string& name, const Value& value, Arguments& arguments) {
  spend();
  const Filter* const filter = find_filter(name);
  if (!filter) fault("No filter named '", printable(name), "' found.");
  return filter->call(*this, value, arguments);
}

bool Machine::test(const std::string& name, const Value& value, Arguments& arguments) {
  spend();
  const Test* const test = find_test(name);
  if (!test) fault("No test named '", printable(name), "' found.");
  return test->call(*this, value, arguments);
}

}  // namespace matlora::text::jinja
