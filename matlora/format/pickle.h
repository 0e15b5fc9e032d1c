// A pickle, read as values. Nothing is imported and nothing is called: where a pickle names a
// function, the name and the arguments are kept, and only names that the caller knows are read at
// all. Format: Python's Lib/pickletools.py, protocols 2 to 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::format {

class Pickle {
 public:
  /// A value's place. Values refer to each other by it, and may do so in circles: whoever follows
  /// them counts.
  using Id = uint32_t;

  enum class Kind { none, boolean, integer, real, text, list, tuple, dict, name, call, persistent };

  struct Value {
    Kind kind = Kind::none;
    int64_t integer = 0;    // boolean, integer
    double real = 0;        // real
    std::string text = {};  // text; name: "module name"
    /// list, tuple: what is in it; dict: key, value, key, value ..; call: the function's name and
    /// a tuple of arguments; persistent: the one thing that it is named by.
    std::vector<Id> items = {};
  };

  /// `known`: the names ("module name") that may be there; `collections OrderedDict` always may,
  /// called without arguments, and is a dict. Throws UserError at `where` for any other name, what
  /// is cut off, a value that is not of these kinds (an integer beyond 64 bits, bytes, a set, an
  /// object's state), more than kMaxValues values, and bytes that are no pickle of protocol 2 to 5.
  /// Takes memory and time in proportion to `bytes`, never recursing.
  static Pickle parse(std::span<const std::byte> bytes, const std::string& where,
                      std::span<const std::string_view> known);

  static constexpr size_t kMaxValues = size_t{1} << 20;  // some 50,000 tensors'

  const Value& root() const { return at(root_); }
  const Value& at(Id id) const { return values_.at(id); }

 private:
  class Machine;
  std::vector<Value> values_;
  Id root_ = 0;
};

/// "a list", "the integer 3", ..: what a message says of a value.
std::string describe(const Pickle::Value& value);

}  // namespace matlora::format
