// Going over the items of a value one by one.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "matlora/text/jinja/value.h"

namespace matlora::text::jinja {

/// Gives an item, or nothing at the end.
using Next = std::function<std::optional<Value>()>;

/// What filters like `map` give: it can be gone over once, has no length and no items by index.
class Generator : public Object {
 public:
  Generator(Next next_item, uint32_t inside, const char* type);
  const char* type_name() const override { return type_; }
  std::optional<Value> next();

 private:
  Next next_;
  const char* type_;
  bool done_ = false;
};

/// `inside`: the depth of the values that `next` holds.
Value make_generator(uint32_t inside, Next next, const char* type = "generator");

bool is_iterable(const Value& value);
/// Throws Fault when the value is not iterable.
Next iterate(const Value& value);
std::vector<Value> items_of(const Value& value);
/// len(), or nothing where it has none.
std::optional<int64_t> length_of(const Value& value);

}  // namespace matlora::text::jinja
