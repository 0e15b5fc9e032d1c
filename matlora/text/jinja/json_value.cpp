#include "matlora/base/utf8.h"
#include "matlora/text/jinja/value.h"

namespace matlora::text::jinja {
namespace {

using Tree = nlohmann::ordered_json;

Value string_of(const std::string& text) {
  const size_t bad = find_invalid_utf8(text);
  if (bad != text.npos) fault("a text of the conversation is not valid UTF-8 at byte ", bad);
  return make_string(text);
}

Value from_tree(const Tree& json, size_t levels) {
  if (levels == 0) fault("JSON nests too deep");
  switch (json.type()) {
    case Tree::value_t::boolean:
      return Value(json.get<bool>());
    case Tree::value_t::number_integer:
      return Value(json.get<int64_t>());
    case Tree::value_t::number_unsigned: {
      const auto number = json.get<uint64_t>();
      if (number > static_cast<uint64_t>(INT64_MAX))
        fault("integer ", number, " is beyond 64 bits");
      return Value(static_cast<int64_t>(number));
    }
    case Tree::value_t::number_float:
      return Value(json.get<double>());
    case Tree::value_t::string:
      return string_of(json.get_ref<const std::string&>());
    case Tree::value_t::array: {
      std::vector<Value> items;
      for (const auto& item : json) items.push_back(from_tree(item, levels - 1));
      return make_list(std::move(items));
    }
    case Tree::value_t::object: {
      std::vector<Member> members;
      for (const auto& [key, value] : json.get_ref<const Tree::object_t&>()) {
        members.emplace_back(string_of(key), from_tree(value, levels - 1));
      }
      return make_dict(std::move(members));
    }
    default:
      return Value(None{});
  }
}

}  // namespace

Value to_value(const Tree& json) {
  constexpr size_t kMaxDepth = 65;
  return from_tree(json, kMaxDepth);
}

}  // namespace matlora::text::jinja
