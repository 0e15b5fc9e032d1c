// What jinja2 finds when it compiles a template, and this parser behind the grammar.
#pragma once

#include "matlora/text/jinja/ast.h"

namespace matlora::text::jinja {

/// Fills in Program::hidden and what macros use. Throws Fault with its line: a filter or test that
/// is unknown (within {% if %} and conditional expressions only its use is an error), `break` or
/// `continue` outside a loop, a `loop` that is set within one.
void check_program(Program& program);

}  // namespace matlora::text::jinja
