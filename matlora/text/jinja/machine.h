// Renders a program: scopes, calls and the text under construction.
#pragma once

#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "matlora/text/jinja/ast.h"
#include "matlora/text/jinja/iterate.h"
#include "matlora/text/jinja/value.h"

namespace matlora::text::jinja {

/// Of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
  uint32_t depth() const;  ///< of the deepest value
};

class Machine;
using Native = std::function<Value(Machine&, Arguments&)>;

/// A function of the interpreter: a global, or a method with its object.
class Function : public Object {
 public:
  Function(std::string function_name, Native function, uint32_t inside)
      : Object(inside), name(std::move(function_name)), call(std::move(function)) {}
  const char* type_name() const override { return "builtin_function_or_method"; }
  std::string shown() const override { return cat("<built-in method ", name, ">"); }

  std::string name;
  Native call;
};

/// `inside`: the depth of the values that `call` holds.
Value make_function(std::string name, Native call, uint32_t inside = 0);

/// The names of a template, a loop pass, a macro call, a block.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> outer) : outer_(std::move(outer)) {}
  const Value* find(uint32_t id) const;  ///< here or in an outer one; null when nowhere
  void set(uint32_t id, Value value);
  void clear() { values_.clear(); }

  bool kept = false;  // by the machine, as a macro refers to it

 private:
  std::vector<std::pair<uint32_t, Value>> values_;
  std::shared_ptr<Scope> outer_;
  Charge charge_{256};
};

class Macro : public Object {
 public:
  /// The scope is one that the machine keeps.
  Macro(const MacroDefinition& macro, std::shared_ptr<Scope> scope)
      : definition(macro), outer(std::move(scope)) {}
  const char* type_name() const override { return "Macro"; }
  std::string shown() const override;
  std::optional<Value> attribute(const std::string& name) override;

  const MacroDefinition& definition;
  const std::shared_ptr<Scope> outer;
};

/// namespace(): the one object that changes. The machine keeps all of them until it is done, as
/// they can hold each other.
class Namespace : public Object {
 public:
  const char* type_name() const override { return "jinja2.utils.Namespace"; }
  std::string shown() const override;
  std::optional<Value> attribute(const std::string& name) override;
  /// Throws Fault for a name with "_" in front.
  void set(const std::string& name, Value value);
  void clear() { values_.clear(); }

 private:
  std::vector<std::pair<std::string, Value>> values_;
};

/// `loop` within a for loop.
class Loop;

enum class Flow { kNext, kBreak, kContinue };

class Machine {
 public:
  struct Generated {
    size_t begin;  // byte
    std::string text;
  };

  /// `variables`: what the template's names are, besides the globals.
  Machine(const Program& program, const std::vector<std::pair<std::string, Value>>& variables,
          const std::tm& now);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void run();
  std::string take_text() { return root_text_.take(); }
  const std::vector<Generated>& generated() const { return generated_; }
  int line() const { return line_; }  ///< that is being rendered
  const std::tm& now() const { return now_; }

  /// Calls a function, macro or loop. Throws Fault for what is none.
  Value call(const Value& callee, Arguments& arguments);
  /// `value | name(arguments)`; `value is name(arguments)`.
  Value filter(const std::string& name, const Value& value, Arguments& arguments);
  bool test(const std::string& name, const Value& value, Arguments& arguments);
  std::shared_ptr<Namespace> make_namespace();

  /// A pass over `items` with the loop's body; the text of a recursive loop's inner call.
  Value loop_text(const Statement& statement, const std::shared_ptr<Scope>& outer,
                  const Value& items, int64_t depth);

 private:
  class Deeper;

  Flow execute(const Body& body, const std::shared_ptr<Scope>& scope);
  Flow execute(const Statement& statement, const std::shared_ptr<Scope>& scope);
  Flow execute_if(const Statement& statement, const std::shared_ptr<Scope>& scope);
  Flow execute_with(const Statement& statement, const std::shared_ptr<Scope>& scope);
  Flow execute_captured(const Statement& statement, const std::shared_ptr<Scope>& scope);
  Flow for_loop(const Statement& statement, const std::shared_ptr<Scope>& outer, const Value& items,
                int64_t depth);
  void execute_call(const Statement& statement, const std::shared_ptr<Scope>& scope);
  void execute_generation(const Statement& statement, const std::shared_ptr<Scope>& scope);
  void print(const Value& value);
  void write(std::string_view text);
  void assign(const Expression& target, const Value& value, Scope& scope,
              const std::shared_ptr<Scope>& readable);
  void keep(const std::shared_ptr<Scope>& scope);
  Value call_macro(const Macro& macro, Arguments& arguments);

  using ScopePtr = std::shared_ptr<Scope>;
  Value evaluate(const Expression& node, const ScopePtr& scope);
  Value evaluate_name(const Expression& node, const ScopePtr& scope);
  Value evaluate_collection(const Expression& node, const ScopePtr& scope);
  Value evaluate_index(const Expression& node, const ScopePtr& scope);
  Value evaluate_call(const Expression& node, const ScopePtr& scope);
  Value evaluate_filter(const Expression& node, const ScopePtr& scope);
  Value evaluate_conditional(const Expression& node, const ScopePtr& scope);
  Value evaluate_concat(const Expression& node, const ScopePtr& scope);
  Value evaluate_compare(const Expression& node, const ScopePtr& scope);
  Arguments evaluate_arguments(const Expression& node, const ScopePtr& scope, size_t first);

  const Program& program_;
  std::tm now_;
  std::shared_ptr<Scope> base_, root_;  // the variables; the template's own names
  Builder root_text_;
  Builder* text_ = &root_text_;  // where statements write
  Value filtered_;               // what a {% filter %} block is applied to
  std::vector<Generated> generated_;
  std::vector<std::shared_ptr<Scope>> kept_scopes_;
  std::vector<std::shared_ptr<Namespace>> namespaces_;
  int line_ = 1;
  size_t depth_ = 0;
};

}  // namespace matlora::text::jinja
