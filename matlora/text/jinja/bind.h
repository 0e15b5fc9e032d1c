// Arguments of a call by the parameters of a filter, a test or a method.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "matlora/text/jinja/machine.h"

namespace matlora::text::jinja {

/// `parameters`: names with spaces between them; behind "/" at the front they have no names.
/// `required`: how many of them must be there.
struct Signature {
  std::string_view name, parameters;
  size_t required = 0;
};

class Bound {
 public:
  /// Throws Fault for arguments that do not fit.
  Bound(const Signature& signature, const Arguments& arguments);

  /// Null where it is absent.
  const Value* operator[](size_t i) const { return values_[i] ? &*values_[i] : nullptr; }
  /// Absent or None.
  bool none(size_t i) const { return !values_[i] || values_[i]->is_none(); }
  Value value_or(size_t i, Value fallback) const {
    return values_[i] ? *values_[i] : std::move(fallback);
  }
  bool truth_or(size_t i, bool fallback) const {
    return values_[i] ? truth(*values_[i]) : fallback;
  }
  /// Throw Fault for another type.
  int64_t integer_or(size_t i, int64_t fallback) const;
  const std::string& string(size_t i) const;

 private:
  std::string_view name_;
  std::vector<std::optional<Value>> values_;
};

}  // namespace matlora::text::jinja
