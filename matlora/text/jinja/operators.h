// Python's operators.
#pragma once

#include <string_view>
#include <vector>

#include "matlora/text/jinja/value.h"

namespace matlora::text::jinja {

/// `+`, `-`, `*`, `/`, `//`, `%` or `**`. Throws Fault for types that have it not, a division by
/// zero, and an integer beyond 64 bits.
Value arithmetic(std::string_view operation, const Value& a, const Value& b);
Value negative(const Value& value);
Value positive(const Value& value);

bool less(const Value& a, const Value& b);  ///< Fault for types without an order
/// `==`, `!=`, `<`, `<=`, `>`, `>=`, `in` or `not in`.
bool compare(std::string_view operation, const Value& a, const Value& b);
bool contains(const Value& all, const Value& item);

/// An index that is there, else nothing: of a list, a string (by characters), a dict.
std::optional<Value> item_at(const Value& value, const Value& index);
/// value[start:stop:step]; undefined bounds where null. Nothing where the value has no slices.
std::optional<Value> slice(const Value& value, const Value* start, const Value* stop,
                           const Value* step);

/// A stable sort that stays within its items whatever `before` says.
template <class T, class Before>
void sort(std::vector<T>& items, const Before& before) {
  std::vector<T> from, sorted = std::move(items);
  for (size_t width = 1; width < sorted.size(); width *= 2) {
    from = std::move(sorted);
    sorted.clear();
    sorted.reserve(from.size());
    for (size_t begin = 0; begin < from.size(); begin += 2 * width) {
      size_t left = begin, right = std::min(begin + width, from.size());
      const size_t middle = right, end = std::min(begin + 2 * width, from.size());
      while (left < middle || right < end) {
        const bool take_right = left == middle || (right < end && before(from[right], from[left]));
        sorted.push_back(std::move(from[take_right ? right++ : left++]));
      }
    }
  }
  items = std::move(sorted);
}

}  // namespace matlora::text::jinja
