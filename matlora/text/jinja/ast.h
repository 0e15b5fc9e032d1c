// What a parsed template is made of.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "matlora/text/jinja/value.h"

namespace matlora::text::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

enum class ExpressionKind {
  kConstant,     // value
  kName,         // name, id
  kMember,       // text is the part name.text of a namespace: a target only
  kTuple,        // items
  kList,         // items
  kDict,         // items: key, value, key, value, ..
  kAttribute,    // items[0].text
  kIndex,        // items[0][items[1]]
  kSlice,        // items: start, stop, step, null where there is none; within an index only
  kCall,         // items[0](items[1], ..)
  kFilter,       // items[0] | text(items[1], ..); items[0] is null where a block is filtered
  kTest,         // items[0] is text(items[1], ..)
  kNot,          // items[0]
  kNegative,     // items[0]
  kPositive,     // items[0]
  kAnd,          // items[0], items[1]
  kOr,           // items[0], items[1]
  kConditional,  // items: condition, then, else or null
  kConcat,       // items
  kCompare,      // items[0] operators[0] items[1] operators[1] ..
  kArithmetic,   // items[0] text items[1]
};

struct Expression {
  ExpressionKind kind = ExpressionKind::kConstant;
  int line = 1;
  size_t height = 1;  // of the tree below
  uint32_t id = 0;    // of a name
  std::string text;
  Value value;
  std::vector<ExpressionPtr> items;
  std::vector<std::string> operators;
  // Of a call, a filter or a test.
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star, star_star;
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

enum class StatementKind {
  kData,        // text
  kPrint,       // expressions
  kSet,         // target = value
  kSetBlock,    // target = body, through the filter `value` when there is one
  kIf,          // branches, otherwise
  kFor,         // target in value if condition: body; otherwise
  kMacro,       // macro
  kCall,        // macro is the caller, value the call
  kFilter,      // body through value
  kWith,        // targets = values: body
  kBlock,       // body, in a scope that sees the template's own variables only
  kGeneration,  // body is what the assistant says
  kBreak,
  kContinue,
};

struct Parameter {
  std::string name;
  uint32_t id = 0;
  ExpressionPtr fallback;  // null when there is none
};

struct MacroDefinition {
  std::string name;
  uint32_t id = 0;
  std::vector<Parameter> parameters;
  Body body;
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
};

struct Statement {
  StatementKind kind = StatementKind::kData;
  int line = 1;
  std::string text;
  ExpressionPtr target, value, condition;
  std::vector<ExpressionPtr> targets, expressions;
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body body, otherwise;
  bool recursive = false, scoped = false;
  std::unique_ptr<MacroDefinition> macro;
};

/// Names by their ids; "loop", "caller", "varargs" and "kwargs" have the first.
enum : uint32_t { kLoopId, kCallerId, kVarargsId, kKwargsId };

struct Program {
  Body body;
  std::vector<std::string> names;
  std::vector<uint32_t> hidden;  // names that the template sets before it reads them
};

}  // namespace matlora::text::jinja
