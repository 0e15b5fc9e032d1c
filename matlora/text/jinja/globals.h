// The functions that every template has, and the objects that they make.
#pragma once

#include <optional>
#include <string>

#include "matlora/text/jinja/machine.h"

namespace matlora::text::jinja {

/// range, namespace, dict, raise_exception, strftime_now, cycler, joiner; nothing for other names.
std::optional<Value> global_named(const std::string& name);

/// An object that can be called, and may have attributes: dict, joiner().
class CallableObject : public Object {
 public:
  using Object::Object;
  virtual Value call(Machine& machine, Arguments& arguments) = 0;
};

}  // namespace matlora::text::jinja
