#include "matlora/text/jinja/iterate.h"

#include "matlora/text/unicode.h"

namespace matlora::text::jinja {

Generator::Generator(Next next_item, uint32_t inside, const char* type)
    : Object(inside), next_(std::move(next_item)), type_(type) {}

std::optional<Value> Generator::next() {
  spend();
  if (done_) return std::nullopt;
  std::optional<Value> item;
  done_ = true;  // also when the next one throws, or asks for itself
  item = next_();
  done_ = !item;
  return item;
}

Value make_generator(uint32_t inside, Next next, const char* type) {
  return Value(
      std::static_pointer_cast<Object>(std::make_shared<Generator>(std::move(next), inside, type)));
}

bool is_iterable(const Value& value) {
  return value.is_string() || value.is_list() || value.is_dict() || value.is_undefined() ||
         value.object_as<Generator>();
}

Next iterate(const Value& value) {
  if (value.is_undefined()) return [] { return std::nullopt; };
  if (value.is_list()) {
    return [value, at = size_t{0}]() mutable -> std::optional<Value> {
      spend();
      const auto& items = value.as_list().items;
      if (at == items.size()) return std::nullopt;
      return items[at++];
    };
  }
  if (value.is_dict()) {
    return [value, at = size_t{0}]() mutable -> std::optional<Value> {
      spend();
      const auto& members = value.as_dict().members;
      if (at == members.size()) return std::nullopt;
      return members[at++].first;
    };
  }
  if (value.is_string()) {
    return [value, at = size_t{0}]() mutable -> std::optional<Value> {
      spend();
      const std::string& text = value.bytes();
      if (at == text.size()) return std::nullopt;
      const size_t begin = at;
      next_code_point(text, at);
      return make_string(text.substr(begin, at - begin));  // of markup too
    };
  }
  if (auto* const generator = value.object_as<Generator>()) {
    return [value, generator] { return generator->next(); };
  }
  fault("'", value.type_name(), "' object is not iterable");
}

std::vector<Value> items_of(const Value& value) {
  if (value.is_list()) {
    spend(value.as_list().items.size());
    return value.as_list().items;
  }
  std::vector<Value> items;
  const Next next = iterate(value);
  while (std::optional<Value> item = next()) {
    items.push_back(std::move(*item));
    if (items.size() % 1024 == 0) expect_memory(items.size() * 2 * sizeof(Value));
  }
  return items;
}

std::optional<int64_t> length_of(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_string()) return static_cast<int64_t>(value.as_string().characters);
  if (value.is_list()) return static_cast<int64_t>(value.as_list().items.size());
  if (value.is_dict()) return static_cast<int64_t>(value.as_dict().members.size());
  if (value.is_object()) return value.as_object().length();
  return std::nullopt;
}

}  // namespace matlora::text::jinja
