#include "matlora/format/pickle.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "matlora/base/utf8.h"

namespace matlora::format {
namespace {

using Id = Pickle::Id;
using Kind = Pickle::Kind;
using Value = Pickle::Value;

constexpr std::string_view kOrderedDict = "collections OrderedDict";

}  // namespace

/// Python's stack machine. What is built goes to values_; the stack holds places in it.
class Pickle::Machine {
 public:
  Machine(std::span<const std::byte> bytes, const std::string& where,
          std::span<const std::string_view> known)
      : bytes_(bytes), where_(where), known_(known) {}

  Pickle run() {
    if (take<uint8_t>() != 0x80) fail(where_, "not a pickle: it does not begin with its protocol");
    const auto protocol = take<uint8_t>();
    if (protocol < 2 || protocol > 5) {
      fail(where_, "a pickle of protocol ", int{protocol}, "; expected 2..5");
    }
    while (step()) {
    }
    Pickle result;
    result.root_ = pop();
    if (!stack_.empty() || !marks_.empty()) fail_damaged("more than one value");
    result.values_ = std::move(values_);
    return result;
  }

 private:
  [[noreturn]] void fail_damaged(const char* what) const {
    fail(where_, "a damaged pickle: ", what, " at byte ", at_);
  }

  std::string_view take_bytes(uint64_t size) {
    if (size > bytes_.size() - at_) fail_damaged("it is cut off");
    const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + at_;
    at_ += size;
    return {begin, static_cast<size_t>(size)};
  }

  template <class T>
  T take() {
    T value{};
    std::memcpy(&value, take_bytes(sizeof value).data(), sizeof value);
    return value;
  }

  std::string take_line() {
    const auto rest = bytes_.subspan(at_);
    const auto end = std::find(rest.begin(), rest.end(), std::byte{'\n'});
    const std::string line(take_bytes(static_cast<uint64_t>(end - rest.begin())));
    take_bytes(1);
    return line;
  }

  Id add(Value value) {
    if (values_.size() >= kMaxValues) fail(where_, "a pickle of more than ", kMaxValues, " values");
    values_.push_back(std::move(value));
    return static_cast<Id>(values_.size() - 1);
  }

  void push(Value value) { stack_.push_back(add(std::move(value))); }
  void push_integer(int64_t number) { push({.kind = Kind::integer, .integer = number}); }

  void push_text(uint64_t size) {
    const std::string_view text = take_bytes(size);
    if (find_invalid_utf8(text) != std::string_view::npos) fail_damaged("a text is not UTF-8");
    push({.kind = Kind::text, .text = std::string(text)});
  }

  /// Of many bytes, little-endian, in two's complement.
  void push_long(uint64_t size) {
    const std::string_view digits = take_bytes(size);
    if (size > 8) fail(where_, "a pickle with an integer beyond 64 bits");
    uint64_t number = size > 0 && (digits.back() & 0x80) ? ~uint64_t{0} : 0;
    std::memcpy(&number, digits.data(), digits.size());
    push_integer(static_cast<int64_t>(number));
  }

  void push_real() {
    auto bits = take<uint64_t>();  // big-endian
    bits = __builtin_bswap64(bits);
    push({.kind = Kind::real, .real = std::bit_cast<double>(bits)});
  }

  /// The stack's part that a mark protects begins here.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  Id pop() {
    if (stack_.size() <= floor()) fail_damaged("a value is missing");
    const Id id = stack_.back();
    stack_.pop_back();
    return id;
  }

  std::vector<Id> pop_to_mark() {
    if (marks_.empty()) fail_damaged("a mark is missing");
    const auto begin = stack_.begin() + static_cast<ptrdiff_t>(marks_.back());
    std::vector<Id> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }

  std::vector<Id> pop_many(size_t count) {
    std::vector<Id> items(count);
    for (size_t i = count; i > 0; --i) items[i - 1] = pop();
    return items;
  }

  /// The container on top of the stack.
  Value& top(Kind kind, const char* what) {
    if (stack_.size() <= floor()) fail_damaged(what);
    Value& value = values_[stack_.back()];
    if (value.kind != kind) fail_damaged(what);
    return value;
  }

  void append(const std::vector<Id>& items) {
    std::vector<Id>& list = top(Kind::list, "a list is missing").items;
    list.insert(list.end(), items.begin(), items.end());
  }

  void set_items(const std::vector<Id>& items) {
    std::vector<Id>& dict = top(Kind::dict, "a dict is missing").items;
    if (items.size() % 2 != 0) fail_damaged("a key without a value");
    dict.insert(dict.end(), items.begin(), items.end());
  }

  void push_name(const std::string& module, const std::string& name) {
    const std::string full = module + " " + name;
    if (full != kOrderedDict && std::find(known_.begin(), known_.end(), full) == known_.end()) {
      fail(where_, "a pickle that names ", printable(module), ".", printable(name),
           ", which is neither a tensor nor a container; it is not read, as it could run code");
    }
    push({.kind = Kind::name, .text = full});
  }

  void push_name_from_stack() {
    const std::vector<Id> parts = pop_many(2);
    for (const Id part : parts) {
      if (values_[part].kind != Kind::text) fail_damaged("a name is no text");
    }
    push_name(values_[parts[0]].text, values_[parts[1]].text);
  }

  void call() {
    const std::vector<Id> parts = pop_many(2);
    const Value &function = values_[parts[0]], &arguments = values_[parts[1]];
    if (function.kind != Kind::name || arguments.kind != Kind::tuple) {
      fail_damaged("what is called is no name");
    }
    if (function.text != kOrderedDict) return push({.kind = Kind::call, .items = parts});
    if (!arguments.items.empty()) fail_damaged("an OrderedDict with arguments");
    push({.kind = Kind::dict});
  }

  /// The attributes of an OrderedDict (a state dict's _metadata) are dropped.
  void build() {
    const Id state = pop();
    top(Kind::dict, "a state of what is no OrderedDict");
    if (values_[state].kind != Kind::dict) fail_damaged("a state that is no dict");
  }

  void remember(uint32_t key) {
    if (stack_.size() <= floor()) fail_damaged("a value is missing");
    memo_[key] = stack_.back();
  }

  void recall(uint32_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) fail_damaged("a value that is referred to is missing");
    stack_.push_back(found->second);
  }

  /// One instruction; false after the last. Its code is pickletools' `code`.
  bool step() {
    if (std::max({stack_.size(), marks_.size(), memo_.size()}) > kMaxValues) {
      fail(where_, "a pickle of more than ", kMaxValues, " values");
    }
    const auto code = take<uint8_t>();
    return code == '.' ? false : (container(code) || constant(code) || reference(code, at_ - 1));
  }

  bool container(uint8_t code) {
    switch (code) {
      case '(':
        marks_.push_back(stack_.size());
        return true;
      case '}':
        push({.kind = Kind::dict});
        return true;
      case ']':
        push({.kind = Kind::list});
        return true;
      case ')':
        push({.kind = Kind::tuple});
        return true;
      case 't':
        push({.kind = Kind::tuple, .items = pop_to_mark()});
        return true;
      case 0x85:
      case 0x86:
      case 0x87:
        push({.kind = Kind::tuple, .items = pop_many(code - 0x84u)});
        return true;
      case 'a':
        append(pop_many(1));
        return true;
      case 'e':
        append(pop_to_mark());
        return true;
      case 's':
        set_items(pop_many(2));
        return true;
      case 'u':
        set_items(pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  bool constant(uint8_t code) {
    switch (code) {
      case 'N':
        push({});
        return true;
      case 0x88:
      case 0x89:
        push({.kind = Kind::boolean, .integer = code == 0x88});
        return true;
      case 'K':
        push_integer(take<uint8_t>());
        return true;
      case 'M':
        push_integer(take<uint16_t>());
        return true;
      case 'J':
        push_integer(take<int32_t>());
        return true;
      case 0x8a:
        push_long(take<uint8_t>());
        return true;
      case 'G':
        push_real();
        return true;
      case 'X':
        push_text(take<uint32_t>());
        return true;
      case 0x8c:
        push_text(take<uint8_t>());
        return true;
      case 0x8d:
        push_text(take<uint64_t>());
        return true;
      default:
        return false;
    }
  }

  bool reference(uint8_t code, size_t where) {
    switch (code) {
      case 'c': {
        const std::string module = take_line();
        push_name(module, take_line());
        return true;
      }
      case 0x93:
        push_name_from_stack();
        return true;
      case 'R':
        call();
        return true;
      case 'b':
        build();
        return true;
      case 'Q':
        push({.kind = Kind::persistent, .items = {pop()}});
        return true;
      case 'q':
        remember(take<uint8_t>());
        return true;
      case 'r':
        remember(take<uint32_t>());
        return true;
      case 0x94:
        remember(static_cast<uint32_t>(memo_.size()));
        return true;
      case 'h':
        recall(take<uint8_t>());
        return true;
      case 'j':
        recall(take<uint32_t>());
        return true;
      case 0x95:
        if (take<uint64_t>() > bytes_.size() - at_) fail_damaged("a frame is cut off");
        return true;
      default:
        fail(where_, "a pickle with the instruction ", int{code}, " at byte ", where,
             ", which no tensor and no container needs; it is not read");
    }
  }

  std::span<const std::byte> bytes_;
  const std::string& where_;
  std::span<const std::string_view> known_;
  size_t at_ = 0;
  std::vector<Value> values_;
  std::vector<Id> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, Id> memo_;
};

Pickle Pickle::parse(std::span<const std::byte> bytes, const std::string& where,
                     std::span<const std::string_view> known) {
  return Machine(bytes, where, known).run();
}

std::string describe(const Pickle::Value& value) {
  switch (value.kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return value.integer ? "True" : "False";
    case Kind::integer:
      return cat("the integer ", value.integer);
    case Kind::real:
      return cat("the number ", value.real);
    case Kind::text:
      return cat("'", printable(value.text, 40), "'");
    case Kind::list:
      return "a list";
    case Kind::tuple:
      return "a tuple";
    case Kind::dict:
      return "a dict";
    case Kind::name:
      return cat("the name ", printable(value.text, 80));
    case Kind::call:
      return "an object";
    case Kind::persistent:
      return "a storage";
  }
  throw BugError("unknown kind of a pickle's value");
}

}  // namespace matlora::format
