// The values of a template, with Python's types and rules. Strings, lists and dicts never change
// once they are made, as the sandbox allows no change; copies share them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "matlora/base/json.h"
#include "matlora/text/jinja/budget.h"

namespace matlora::text::jinja {

class Value;
class Object;
struct None {};

/// Why a value is undefined.
struct Undefined {
  std::string hint;             // the whole message, or "" for one made of the rest
  std::string name;             // what was looked for, as Python's repr
  const char* owner = nullptr;  // the type that lacks it; null: a variable
  bool element = false;         // an index, not an attribute
};

struct String {
  explicit String(std::string text, bool is_markup);
  std::string bytes;  // valid UTF-8
  bool markup;        // of the filter `safe`: joined with "+" it escapes the other
  size_t characters;  // code points
  Charge charge;
};

enum class ListKind { kList, kTuple, kRange, kKeys, kValues, kItems };

struct List {
  List(std::vector<Value> values, ListKind list_kind);
  std::vector<Value> items;
  ListKind kind;
  int64_t range[3] = {0, 0, 1};  // start, stop, step of a range
  uint32_t depth;                // of lists and dicts inside each other
  Charge charge;
};

using Member = std::pair<Value, Value>;

/// Keeps the order of its keys.
struct Dict {
  /// A key that comes again replaces the value. Throws Fault for a key that has no hash.
  explicit Dict(std::vector<Member> all);
  const Value* find(const Value& key) const;  ///< null when absent; Fault when it has no hash
  const Value* find(std::string_view key) const;

  std::vector<Member> members;
  uint32_t depth;
  Charge charge;

 private:
  std::unordered_multimap<size_t, uint32_t> index_;  // only of large ones
};

class Value {
 public:
  Value() = default;  ///< undefined
  explicit Value(None) : data_(None{}) {}
  explicit Value(bool value) : data_(value) {}
  explicit Value(int64_t value) : data_(value) {}
  explicit Value(double value) : data_(value) {}
  explicit Value(std::shared_ptr<const Undefined> why) : data_(std::move(why)) {}
  explicit Value(std::shared_ptr<const String> value) : data_(std::move(value)) {}
  explicit Value(std::shared_ptr<const List> value) : data_(std::move(value)) {}
  explicit Value(std::shared_ptr<const Dict> value) : data_(std::move(value)) {}
  explicit Value(std::shared_ptr<Object> value) : data_(std::move(value)) {}

  bool is_undefined() const { return data_.index() == 0; }
  bool is_none() const { return data_.index() == 1; }
  bool is_bool() const { return data_.index() == 2; }
  bool is_int() const { return data_.index() == 3; }  ///< not of a bool
  bool is_float() const { return data_.index() == 4; }
  bool is_integral() const { return is_bool() || is_int(); }
  bool is_number() const { return is_integral() || is_float(); }
  bool is_string() const { return data_.index() == 5; }
  bool is_list() const { return data_.index() == 6; }  ///< of any ListKind
  bool is_dict() const { return data_.index() == 7; }
  bool is_object() const { return data_.index() == 8; }

  bool as_bool() const { return std::get<bool>(data_); }
  int64_t as_int() const { return is_bool() ? as_bool() : std::get<int64_t>(data_); }
  double as_float() const {
    return is_float() ? std::get<double>(data_) : static_cast<double>(as_int());
  }
  const String& as_string() const { return *std::get<std::shared_ptr<const String>>(data_); }
  const std::string& bytes() const { return as_string().bytes; }
  const List& as_list() const { return *std::get<std::shared_ptr<const List>>(data_); }
  const Dict& as_dict() const { return *std::get<std::shared_ptr<const Dict>>(data_); }
  Object& as_object() const { return *std::get<std::shared_ptr<Object>>(data_); }
  /// The object when it is a T, else null.
  template <class T>
  T* object_as() const {
    return is_object() ? dynamic_cast<T*>(&as_object()) : nullptr;
  }
  bool is(ListKind kind) const { return is_list() && as_list().kind == kind; }
  bool is_markup() const { return is_string() && as_string().markup; }

  std::string undefined_message() const;
  const char* type_name() const;           ///< as Python names it: "str"
  bool same_as(const Value& other) const;  ///< Python's `is`
  uint32_t depth() const;                  ///< of values inside each other

 private:
  std::variant<std::shared_ptr<const Undefined>, None, bool, int64_t, double,
               std::shared_ptr<const String>, std::shared_ptr<const List>,
               std::shared_ptr<const Dict>, std::shared_ptr<Object>>
      data_;
};

/// What is none of the plain types: functions, loops, namespaces, generators.
class Object {
 public:
  /// `inside`: the depth of the values that it holds.
  explicit Object(uint32_t inside = 0);
  virtual ~Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual const char* type_name() const = 0;
  virtual std::string shown() const { return cat("<", type_name(), " object>"); }
  virtual bool truth() const { return true; }
  virtual std::optional<int64_t> length() { return std::nullopt; }
  /// An attribute, or null when there is none.
  virtual std::optional<Value> attribute(const std::string&) { return std::nullopt; }

  const uint32_t depth;

 private:
  Charge charge_;
};

Value make_string(std::string bytes, bool markup = false);
Value make_list(std::vector<Value> items, ListKind kind = ListKind::kList);
Value make_dict(std::vector<Member> members);
Value make_undefined(std::string hint);
Value undefined_name(const std::string& name);
/// Of `owner.name`, or where `element`, of `owner[name]`; `name` is Python's repr.
Value undefined_attribute(const Value& owner, std::string name, bool element);

/// Throws the Fault of whoever uses an undefined value.
[[noreturn]] void fault_undefined(const Value& value);
/// Throws Fault when `value` is undefined.
inline void expect_defined(const Value& value) {
  if (value.is_undefined()) fault_undefined(value);
}

bool truth(const Value& value);
bool equal(const Value& a, const Value& b);  ///< Python's ==
size_t hash_of(const Value& value);  ///< equal values, equal hashes; Fault for a list or dict

/// A JSON value. Throws Fault for what nests deeper than 64 levels, an integer beyond int64, and
/// text that is not UTF-8.
Value to_value(const nlohmann::ordered_json& json);

}  // namespace matlora::text::jinja
