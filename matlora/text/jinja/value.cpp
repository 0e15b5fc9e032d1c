#include "matlora/text/jinja/value.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "matlora/text/jinja/python_text.h"

namespace matlora::text::jinja {
namespace {

constexpr uint32_t kMaxDepth = 200;  // of values inside each other: they are freed recursively
constexpr size_t kIndexed = 8;       // members from which a dict has an index

uint32_t deeper(uint32_t depth) {
  if (depth >= kMaxDepth) fault("values nest deeper than ", kMaxDepth, " levels");
  return depth + 1;
}

uint32_t depth_of(const std::vector<Value>& items) {
  uint32_t depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return deeper(depth);
}

uint32_t depth_of(const std::vector<Member>& members) {
  uint32_t depth = 0;
  for (const auto& [key, value] : members) depth = std::max({depth, key.depth(), value.depth()});
  return deeper(depth);
}

bool equal_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.as_int() == b.as_int();
  if (a.is_float() && b.is_float()) return a.as_float() == b.as_float();
  const double real = a.is_float() ? a.as_float() : b.as_float();
  const int64_t whole = a.is_float() ? b.as_int() : a.as_int();
  // 2^63 and beyond equal no int64.
  return std::abs(real) < 0x1p63 ? std::trunc(real) == real && static_cast<int64_t>(real) == whole
                                 : real == -0x1p63 && whole == INT64_MIN;
}

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.members.size() != b.members.size()) return false;
  return std::all_of(a.members.begin(), a.members.end(), [&](const Member& member) {
    const Value* const other = b.find(member.first);
    return other && equal(member.second, *other);
  });
}

/// What of a list's kind decides: a list never equals a tuple.
bool equal_lists(const List& a, const List& b) {
  if (a.kind != b.kind || a.kind == ListKind::kValues) return &a == &b;
  return a.items.size() == b.items.size() &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(),
                    [](const Value& x, const Value& y) { return x.same_as(y) || equal(x, y); });
}

}  // namespace

Object::Object(uint32_t inside) : depth(deeper(inside)), charge_(256) {}

String::String(std::string text, bool is_markup)
    : bytes(std::move(text)),
      markup(is_markup),
      characters(count_characters(bytes)),
      charge(bytes.size() + sizeof *this) {}

List::List(std::vector<Value> values, ListKind list_kind)
    : items(std::move(values)),
      kind(list_kind),
      depth(depth_of(items)),
      charge(items.size() * sizeof(Value) + sizeof *this) {}

Dict::Dict(std::vector<Member> all)
    : depth(depth_of(all)), charge(all.size() * (sizeof(Member) + 32) + sizeof *this) {
  members.reserve(all.size());
  for (Member& member : all) {
    spend();
    const size_t hash = hash_of(member.first);
    if (const Value* const known = find(member.first)) {
      const_cast<Value&>(*known) = std::move(member.second);
      continue;
    }
    members.push_back(std::move(member));
    if (members.size() == kIndexed + 1) {
      for (uint32_t i = 0; i < kIndexed; ++i) index_.emplace(hash_of(members[i].first), i);
    }
    if (members.size() > kIndexed) index_.emplace(hash, static_cast<uint32_t>(members.size() - 1));
  }
}

const Value* Dict::find(const Value& key) const {
  const size_t hash = hash_of(key);
  if (index_.empty()) {
    for (const auto& [name, value] : members) {
      if (name.same_as(key) || equal(name, key)) return &value;
    }
    return nullptr;
  }
  const auto [begin, end] = index_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    const auto& [name, value] = members[at->second];
    if (name.same_as(key) || equal(name, key)) return &value;
  }
  return nullptr;
}

const Value* Dict::find(std::string_view key) const {
  const auto fits = [&](const Member& member) {
    return member.first.is_string() && member.first.bytes() == key;
  };
  if (index_.empty()) {
    const auto found = std::find_if(members.begin(), members.end(), fits);
    return found == members.end() ? nullptr : &found->second;
  }
  const auto [begin, end] = index_.equal_range(std::hash<std::string_view>()(key));
  for (auto at = begin; at != end; ++at) {
    if (fits(members[at->second])) return &members[at->second].second;
  }
  return nullptr;
}

std::string Value::undefined_message() const {
  const auto& why = std::get<0>(data_);
  if (!why) return "a value is undefined";
  if (!why->hint.empty()) return why->hint;
  if (!why->owner) return why->name + " is undefined";
  std::string owner = why->owner;
  if (owner == "NoneType") {
    owner = "None";
  } else {
    owner += " object";
  }
  return why->element ? cat(owner, " has no element ", why->name)
                      : cat("'", owner, "' has no attribute ", why->name);
}

const char* Value::type_name() const {
  constexpr const char* kLists[] = {"list",      "tuple",       "range",
                                    "dict_keys", "dict_values", "dict_items"};
  switch (data_.index()) {
    case 0:
      return "jinja2.runtime.Undefined";
    case 1:
      return "NoneType";
    case 2:
      return "bool";
    case 3:
      return "int";
    case 4:
      return "float";
    case 5:
      return is_markup() ? "Markup" : "str";
    case 6:
      return kLists[static_cast<size_t>(as_list().kind)];
    case 7:
      return "dict";
    default:
      return as_object().type_name();
  }
}

bool Value::same_as(const Value& other) const {
  if (data_.index() != other.data_.index()) return false;
  switch (data_.index()) {
    case 0:
      return std::get<0>(data_) == std::get<0>(other.data_);
    case 1:
      return true;
    case 2:
      return as_bool() == other.as_bool();
    case 3:
      return as_int() == other.as_int();
    case 4:
      return std::memcmp(&std::get<double>(data_), &std::get<double>(other.data_), 8) == 0;
    case 5:
      return &as_string() == &other.as_string() || bytes() == other.bytes();
    case 6:
      return &as_list() == &other.as_list();
    case 7:
      return &as_dict() == &other.as_dict();
    default:
      return &as_object() == &other.as_object();
  }
}

uint32_t Value::depth() const {
  return is_list()     ? as_list().depth
         : is_dict()   ? as_dict().depth
         : is_object() ? as_object().depth
                       : 0;
}

Value make_string(std::string bytes, bool markup) {
  return Value(std::make_shared<const String>(std::move(bytes), markup));
}

Value make_list(std::vector<Value> items, ListKind kind) {
  return Value(std::make_shared<const List>(std::move(items), kind));
}

Value make_dict(std::vector<Member> members) {
  return Value(std::make_shared<const Dict>(std::move(members)));
}

Value make_undefined(std::string hint) {
  return Value(std::make_shared<const Undefined>(Undefined{std::move(hint), "", nullptr, false}));
}

Value undefined_name(const std::string& name) {
  return Value(
      std::make_shared<const Undefined>(Undefined{"", python_quoted(name), nullptr, false}));
}

Value undefined_attribute(const Value& owner, std::string name, bool element) {
  return Value(std::make_shared<const Undefined>(
      Undefined{"", std::move(name), owner.type_name(), element}));
}

void fault_undefined(const Value& value) { throw Fault(value.undefined_message()); }

bool truth(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (value.is_bool()) return value.as_bool();
  if (value.is_int()) return value.as_int() != 0;
  if (value.is_float()) return value.as_float() != 0;
  if (value.is_string()) return !value.bytes().empty();
  if (value.is_list()) return !value.as_list().items.empty();
  if (value.is_dict()) return !value.as_dict().members.empty();
  return value.as_object().truth();
}

bool equal(const Value& a, const Value& b) {
  spend();
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.is_string() && b.is_string()) return a.bytes() == b.bytes();
  if (a.is_list() && b.is_list()) return equal_lists(a.as_list(), b.as_list());
  if (a.is_dict() && b.is_dict()) return equal_dicts(a.as_dict(), b.as_dict());
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  return a.same_as(b);
}

size_t hash_of(const Value& value) {
  if (value.is_string()) return std::hash<std::string_view>()(value.bytes());
  if (value.is_undefined() || value.is_none()) return value.is_none();
  if (value.is_integral()) return std::hash<int64_t>()(value.as_int());
  if (value.is_float()) {
    const double real = value.as_float();
    const bool whole = std::abs(real) < 0x1p63 && std::trunc(real) == real;
    return whole ? std::hash<int64_t>()(static_cast<int64_t>(real)) : std::hash<double>()(real);
  }
  if (value.is_object()) return std::hash<Object*>()(&value.as_object());
  if (value.is(ListKind::kTuple) || value.is(ListKind::kRange)) {
    size_t hash = value.as_list().items.size();
    for (const Value& item : value.as_list().items) hash = hash * 1000003 ^ hash_of(item);
    spend(value.as_list().items.size());
    return hash;
  }
  fault("unhashable type: '", value.type_name(), "'");
}

}  // namespace matlora::text::jinja
