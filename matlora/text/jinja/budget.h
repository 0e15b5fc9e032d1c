// What one rendering may use. The budget belongs to the thread that renders: every value that is
// made meanwhile counts, wherever it is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "matlora/base/error.h"

namespace matlora::text::jinja {

/// A template that fails: what is wrong, without the place. Becomes a UserError with template and
/// line where the rendering began.
class Fault : public UserError {
 public:
  explicit Fault(const std::string& message, int line = 0) : UserError(message), line_(line) {}
  int line() const { return line_; }  ///< 0: the line that is being rendered

 private:
  int line_;
};

template <class... Parts>
[[noreturn]] void fault(const Parts&... parts) {
  throw Fault(cat(parts...));
}

/// Each is one clear error when it is reached.
struct Limits {
  uint64_t steps = 30'000'000;  ///< expressions, loop passes, items that filters see
  size_t depth = 1000;          ///< expressions, blocks and calls inside each other
  size_t output = 64u << 20;    ///< bytes of the text
  size_t memory = 256u << 20;   ///< bytes of all values that are alive
};

class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits) {}

  const Limits& limits() const { return limits_; }
  void spend(uint64_t steps);  ///< throws Fault when none are left
  void take(size_t bytes);     ///< throws Fault when memory is used up
  void give(size_t bytes) { memory_ -= bytes; }
  size_t memory_left() const { return limits_.memory - memory_; }

  /// That of this thread's rendering, or null.
  static const std::shared_ptr<Budget>& current();

  /// Makes a budget current for as long as the object lives.
  class Scope {
   public:
    explicit Scope(std::shared_ptr<Budget> budget);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    std::shared_ptr<Budget> outer_;
  };

 private:
  Limits limits_;
  uint64_t steps_ = 0;
  size_t memory_ = 0;
};

/// Counts `steps` where something is rendered.
void spend(uint64_t steps = 1);

/// Throws Fault unless `bytes` more may be used now. For what is about to be made.
void expect_memory(size_t bytes);

/// Bytes of a value, taken from the current budget for as long as the value lives.
class Charge {
 public:
  explicit Charge(size_t bytes);
  ~Charge();
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;

 private:
  std::shared_ptr<Budget> budget_;
  size_t bytes_;
};

/// A text under construction that cannot outgrow the memory that is left.
class Builder {
 public:
  void add(std::string_view bytes) {
    if (bytes.size() > room_) refill(bytes.size());
    room_ -= bytes.size();
    text_.append(bytes);
  }
  void add(char byte) { add(std::string_view(&byte, 1)); }
  size_t size() const { return text_.size(); }
  std::string& text() { return text_; }
  std::string take() { return std::move(text_); }

 private:
  void refill(size_t bytes);

  std::string text_;
  size_t room_ = 0;  // bytes that need no look at the budget
};

}  // namespace matlora::text::jinja
