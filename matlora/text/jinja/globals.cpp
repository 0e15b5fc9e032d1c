#include "matlora/text/jinja/globals.h"

#include <array>

#include "matlora/base/utf8.h"
#include "matlora/text/jinja/bind.h"
#include "matlora/text/jinja/show.h"

namespace matlora::text::jinja {
namespace {

Value object(std::shared_ptr<Object> made) { return Value(std::move(made)); }

Value range(Machine&, Arguments& arguments) {
  constexpr uint64_t kMost = 100'000;  // jinja2's MAX_RANGE
  if (arguments.positional.empty() || !arguments.named.empty())
    fault("range expected 1 to 3 arguments");
  const Bound bound({"range", "/start stop step", 1}, arguments);
  int64_t start = bound.integer_or(0, 0), stop = bound.integer_or(1, 0);
  if (!bound[1]) std::swap(start, stop);
  const int64_t step = bound.integer_or(2, 1);
  if (step == 0) fault("range() arg 3 must not be zero");
  uint64_t count = 0;
  if (step > 0 ? start < stop : start > stop) {
    const auto low = static_cast<uint64_t>(step > 0 ? start : stop);
    const auto high = static_cast<uint64_t>(step > 0 ? stop : start);
    const uint64_t by = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
    count = (high - low - 1) / by + 1;
  }
  if (count > kMost) {
    fault("Range too big. The sandbox blocks ranges larger than MAX_RANGE (", kMost, ").");
  }
  spend(count);
  std::vector<Value> items;
  items.reserve(count);
  for (uint64_t i = 0; i < count; ++i) items.emplace_back(start + static_cast<int64_t>(i) * step);
  auto list = std::make_shared<List>(std::move(items), ListKind::kRange);
  list->range[0] = start;
  list->range[1] = stop;
  list->range[2] = step;
  return Value(std::shared_ptr<const List>(std::move(list)));
}

/// The members that dict(..) of these arguments has.
std::vector<Member> dict_members(const Arguments& arguments) {
  std::vector<Member> members;
  if (arguments.positional.size() > 1) fault("dict expected at most 1 argument");
  for (const Value& from : arguments.positional) {
    if (from.is_dict()) {
      members = from.as_dict().members;
      continue;
    }
    for (const Value& pair : items_of(from)) {
      const std::vector<Value> parts = items_of(pair);
      if (parts.size() != 2)
        fault("dictionary update sequence element has length ", parts.size(), "; 2 is required");
      members.emplace_back(parts[0], parts[1]);
    }
  }
  for (const auto& [name, value] : arguments.named) members.emplace_back(make_string(name), value);
  return members;
}

Value new_namespace(Machine& machine, Arguments& arguments) {
  const std::shared_ptr<Namespace> made = machine.make_namespace();
  for (const auto& [key, value] : dict_members(arguments)) {
    if (!key.is_string()) fault("a namespace has names only, not ", repr(key));
    made->set(key.bytes(), value);
  }
  return object(made);
}

class DictType : public CallableObject {
 public:
  const char* type_name() const override { return "TemplateDict"; }
  Value call(Machine&, Arguments& arguments) override { return make_dict(dict_members(arguments)); }
  std::optional<Value> attribute(const std::string& name) override {
    if (name != "fromkeys") return std::nullopt;
    return make_function("fromkeys", [](Machine&, Arguments& arguments) {
      const Bound bound({"fromkeys", "/iterable value", 1}, arguments);
      std::vector<Member> members;
      for (const Value& key : items_of(*bound[0])) {
        members.emplace_back(key, bound.value_or(1, Value(None{})));
      }
      return make_dict(std::move(members));
    });
  }
};

/// joiner(", "): nothing at its first call, then the separator.
class Joiner : public CallableObject {
 public:
  explicit Joiner(Value separator)
      : CallableObject(separator.depth()), separator_(std::move(separator)) {}
  const char* type_name() const override { return "Joiner"; }
  Value call(Machine&, Arguments&) override {
    const bool first = !used_;
    used_ = true;
    return first ? make_string("") : separator_;
  }

 private:
  Value separator_;
  bool used_ = false;
};

/// cycler(a, b): next() gives one after the other.
class Cycler : public Object, public std::enable_shared_from_this<Cycler> {
 public:
  explicit Cycler(const Arguments& arguments)
      : Object(arguments.depth()), items_(arguments.positional) {}
  const char* type_name() const override { return "Cycler"; }
  std::optional<Value> attribute(const std::string& name) override {
    if (name == "current") return items_[at_];
    if (name == "pos") return Value(static_cast<int64_t>(at_));
    if (name == "next") {
      return make_function(
          name,
          [self = shared_from_this()](Machine&, Arguments&) {
            const Value item = self->items_[self->at_];
            self->at_ = (self->at_ + 1) % self->items_.size();
            return item;
          },
          depth);
    }
    if (name != "reset") return std::nullopt;
    return make_function(
        name,
        [self = shared_from_this()](Machine&, Arguments&) {
          self->at_ = 0;
          return Value(None{});
        },
        depth);
  }

 private:
  std::vector<Value> items_;
  size_t at_ = 0;
};

Value new_cycler(Machine&, Arguments& arguments) {
  if (arguments.positional.empty()) fault("at least one item has to be provided");
  return object(std::make_shared<Cycler>(arguments));
}

Value new_joiner(Machine&, Arguments& arguments) {
  const Bound bound({"joiner", "sep", 0}, arguments);
  return object(std::make_shared<Joiner>(bound.value_or(0, make_string(", "))));
}

Value raise_exception(Machine&, Arguments& arguments) {
  const Bound bound({"raise_exception", "message", 1}, arguments);
  throw Fault(to_text(*bound[0]));
}

Value strftime_now(Machine& machine, Arguments& arguments) {
  const Bound bound({"strftime_now", "format", 1}, arguments);
  const std::string& format = bound.string(0);
  if (format.size() > 1000 || format.find('\0') != format.npos)
    fault("strftime_now: the format is too long");
  std::array<char, 16384> buffer;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  // A space in front tells an empty result from a failure.
  const size_t size =
      std::strftime(buffer.data(), buffer.size(), (" " + format).c_str(), &machine.now());
#pragma GCC diagnostic pop
  if (size == 0) fault("strftime_now: the format is too long");
  return make_string(valid_utf8(std::string_view(buffer.data() + 1, size - 1)));
}

Value lipsum(Machine&, Arguments&) { fault("the function 'lipsum' is not supported"); }

}  // namespace

std::optional<Value> global_named(const std::string& name) {
  struct Entry {
    std::string_view name;
    Value (*call)(Machine&, Arguments&);
  };
  static constexpr Entry kGlobals[] = {{"range", range},
                                       {"namespace", new_namespace},
                                       {"raise_exception", raise_exception},
                                       {"strftime_now", strftime_now},
                                       {"cycler", new_cycler},
                                       {"joiner", new_joiner},
                                       {"lipsum", lipsum}};
  if (name == "dict") return object(std::make_shared<DictType>());
  for (const Entry& entry : kGlobals) {
    if (entry.name == name) return make_function(name, entry.call);
  }
  return std::nullopt;
}

}  // namespace matlora::text::jinja
