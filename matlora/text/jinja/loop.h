// `loop` within a for loop.
#pragma once

#include "matlora/text/jinja/machine.h"

namespace matlora::text::jinja {

class Loop : public Object, public std::enable_shared_from_this<Loop> {
 public:
  /// `length`: of what is gone over, where it is known. The loop itself is `statement` in `scope`.
  Loop(const Value& items, Next next, std::optional<int64_t> length, int64_t depth0,
       const Statement& statement, const std::shared_ptr<Scope>& scope);

  const char* type_name() const override { return "LoopContext"; }
  std::string shown() const override;
  std::optional<int64_t> length() override;
  std::optional<Value> attribute(const std::string& name) override;

  /// Lets go of all items: they may hold the loop.
  void end();
  /// The next item, which becomes the current one.
  std::optional<Value> advance();
  /// loop(items): the text of the loop over other items.
  Value recurse(Machine& machine, Arguments& arguments);

 private:
  const std::optional<Value>& peek();
  Value changed(const std::vector<Value>& values);

  Next next_;
  std::optional<int64_t> length_;
  int64_t depth0_, index0_ = -1;
  const Statement& statement_;
  std::weak_ptr<Scope> scope_;  // it holds the loop, and lives as long as this runs
  std::optional<Value> before_, current_, after_;
  bool ended_ = false;   // no item is left
  bool closed_ = false;  // end() has been called
  std::optional<Value> last_changed_;
};

}  // namespace matlora::text::jinja
