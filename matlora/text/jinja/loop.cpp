#include "matlora/text/jinja/loop.h"

namespace matlora::text::jinja {

Loop::Loop(const Value& items, Next next, std::optional<int64_t> length, int64_t depth0,
           const Statement& statement, const std::shared_ptr<Scope>& scope)
    : Object(items.depth()),
      next_(std::move(next)),
      length_(length),
      depth0_(depth0),
      statement_(statement),
      scope_(scope) {}

void Loop::end() {
  closed_ = true;
  ended_ = true;
  next_ = nullptr;
  for (auto* const value : {&before_, &current_, &after_, &last_changed_}) value->reset();
}

std::string Loop::shown() const {
  return cat("<LoopContext ", index0_ + 1, "/", length_ ? std::to_string(*length_) : "?", ">");
}

const std::optional<Value>& Loop::peek() {
  if (!after_ && !ended_) {
    after_ = next_();
    ended_ = !after_;
  }
  return after_;
}

std::optional<Value> Loop::advance() {
  std::optional<Value> item = peek();
  if (!item) return item;
  after_.reset();
  ++index0_;
  before_ = std::move(current_);
  current_ = item;
  return item;
}

std::optional<int64_t> Loop::length() {
  if (length_) return length_;
  std::vector<Value> rest;
  while (peek()) {
    rest.push_back(std::move(*after_));
    after_.reset();
  }
  length_ = static_cast<int64_t>(rest.size()) + index0_ + 1;
  if (!rest.empty()) {
    after_ = rest[0];
    ended_ = false;
    next_ = [rest, at = size_t{1}]() mutable -> std::optional<Value> {
      return at < rest.size() ? std::optional(rest[at++]) : std::nullopt;
    };
  }
  return length_;
}

Value Loop::changed(const std::vector<Value>& values) {
  if (closed_) return Value(true);  // and holds nothing any more
  Value now = make_list(values, ListKind::kTuple);
  const bool differs = !last_changed_ || !equal(*last_changed_, now);
  last_changed_ = std::move(now);
  return Value(differs);
}

std::optional<Value> Loop::attribute(const std::string& name) {
  const auto number = [](int64_t value) { return Value(value); };
  if (name == "index") return number(index0_ + 1);
  if (name == "index0") return number(index0_);
  if (name == "first") return Value(index0_ == 0);
  if (name == "last") return Value(!peek().has_value());
  if (name == "length") return number(*length());
  if (name == "revindex") return number(*length() - index0_);
  if (name == "revindex0") return number(*length() - index0_ - 1);
  if (name == "depth") return number(depth0_ + 1);
  if (name == "depth0") return number(depth0_);
  if (name == "previtem") {
    return index0_ > 0 && before_ ? *before_ : make_undefined("there is no previous item");
  }
  if (name == "nextitem") return peek() ? *peek() : make_undefined("there is no next item");
  if (name == "cycle") {
    return make_function("cycle", [index = index0_](Machine&, Arguments& arguments) {
      const auto& items = arguments.positional;
      if (items.empty()) fault("no items for cycling given");
      return items[static_cast<size_t>(index) % items.size()];
    });
  }
  if (name == "changed") {
    const auto call = [loop = shared_from_this()](Machine&, Arguments& arguments) {
      return loop->changed(arguments.positional);
    };
    return make_function("changed", call, depth);
  }
  return std::nullopt;
}

Value Loop::recurse(Machine& machine, Arguments& arguments) {
  if (!statement_.recursive) {
    fault("The loop must have the 'recursive' marker to be called recursively.");
  }
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    fault("loop() takes one argument");
  }
  const std::shared_ptr<Scope> scope = scope_.lock();
  if (!scope) fault("a loop is called after it has ended");
  return machine.loop_text(statement_, scope, arguments.positional[0], depth0_ + 1);
}

}  // namespace matlora::text::jinja
