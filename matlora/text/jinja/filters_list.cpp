// Filters of lists and dicts.
#include <algorithm>

#include "matlora/text/jinja/attributes.h"
#include "matlora/text/jinja/filters.h"
#include "matlora/text/jinja/iterate.h"
#include "matlora/text/jinja/operators.h"
#include "matlora/text/jinja/show.h"

namespace matlora::text::jinja {
namespace {

Value length(Machine&, const Value& value, const Bound&) {
  const std::optional<int64_t> size = length_of(value);
  if (!size) fault("object of type '", value.type_name(), "' has no len()");
  return Value(*size);
}

Value default_of(Machine&, const Value& value, const Bound& arguments) {
  const bool replace = value.is_undefined() || (arguments.truth_or(1, false) && !truth(value));
  return replace ? arguments.value_or(0, make_string("")) : value;
}

Value first(Machine&, const Value& value, const Bound&) {
  const Next next = iterate(value);
  std::optional<Value> item = next();
  return item ? *item : make_undefined("No first item, sequence was empty.");
}

/// What can be gone over from its end.
bool is_reversible(const Value& value) { return is_iterable(value) && !value.is_object(); }

Value last(Machine&, const Value& value, const Bound&) {
  if (!is_reversible(value)) fault("'", value.type_name(), "' object is not reversible");
  const std::vector<Value> items = items_of(value);
  return items.empty() ? make_undefined("No last item, sequence was empty.") : items.back();
}

Value list(Machine&, const Value& value, const Bound&) { return make_list(items_of(value)); }

Value items(Machine&, const Value& value, const Bound&) {
  if (!value.is_undefined() && !value.is_dict()) fault("Can only get item pairs from a mapping.");
  return make_generator(value.depth(), [value, at = size_t{0}]() mutable -> std::optional<Value> {
    if (value.is_undefined() || at == value.as_dict().members.size()) return std::nullopt;
    const auto& [key, item] = value.as_dict().members[at++];
    return make_list({key, item}, ListKind::kTuple);
  });
}

Value reverse(Machine&, const Value& value, const Bound&) {
  if (value.is_string()) {
    const Value step(int64_t{-1});
    return *slice(value, nullptr, nullptr, &step);
  }
  if (!is_iterable(value)) fault("argument must be iterable");
  std::vector<Value> items = items_of(value);
  std::reverse(items.begin(), items.end());
  const Value reversed = make_list(std::move(items));
  if (value.is_object()) return reversed;
  return make_generator(reversed.depth(), iterate(reversed), "list_reverseiterator");
}

Value join(Machine&, const Value& value, const Bound& arguments) {
  const std::string separator = arguments[0] ? to_text(*arguments[0]) : "";
  const Next next = iterate(value);
  Builder out;
  bool first_one = true;
  while (const std::optional<Value> item = next()) {
    if (!first_one) out.add(separator);
    first_one = false;
    add_text(out, arguments.none(1) ? *item : get_path(*item, *arguments[1]));
  }
  return make_string(out.take());
}

Value dict_sort(Machine&, const Value& value, const Bound& arguments) {
  const bool case_sensitive = arguments.truth_or(0, false);
  const std::string by = arguments[1] ? arguments.string(1) : "key";
  if (by != "key" && by != "value") fault("You can only sort by either \"key\" or \"value\"");
  expect_defined(value);
  if (!value.is_dict()) fault("'", value.type_name(), "' object has no attribute 'items'");
  std::vector<Member> keyed;  // what decides, and the pair
  for (const auto& [key, item] : value.as_dict().members) {
    keyed.emplace_back(sort_key(by == "key" ? key : item, case_sensitive),
                       make_list({key, item}, ListKind::kTuple));
  }
  const bool reversed = arguments.truth_or(2, false);
  sort(keyed, [&](const Member& a, const Member& b) {
    return reversed ? less(b.first, a.first) : less(a.first, b.first);
  });
  std::vector<Value> sorted;
  for (Member& member : keyed) sorted.push_back(std::move(member.second));
  return make_list(std::move(sorted));
}

/// The attributes "a,b" of a value, as a list that can be compared.
Value sort_keys(const Value& value, const Value* attribute, bool case_sensitive) {
  std::vector<Value> keys;
  if (!attribute || attribute->is_none()) {
    keys.push_back(sort_key(value, case_sensitive));
  } else if (!attribute->is_string()) {
    keys.push_back(sort_key(get_path(value, *attribute), case_sensitive));
  } else {
    std::string_view rest = attribute->bytes();
    for (;;) {
      const size_t end = std::min(rest.find(','), rest.size());
      const Value path = make_string(std::string(rest.substr(0, end)));
      keys.push_back(sort_key(get_path(value, path), case_sensitive));
      if (end == rest.size()) break;
      rest.remove_prefix(end + 1);
    }
  }
  return make_list(std::move(keys));
}

Value sorted(Machine&, const Value& value, const Bound& arguments) {
  std::vector<Member> keyed;
  for (const Value& item : items_of(value)) {
    keyed.emplace_back(sort_keys(item, arguments[2], arguments.truth_or(1, false)), item);
  }
  const bool reversed = arguments.truth_or(0, false);
  sort(keyed, [&](const Member& a, const Member& b) {
    return reversed ? less(b.first, a.first) : less(a.first, b.first);
  });
  std::vector<Value> items;
  for (Member& member : keyed) items.push_back(std::move(member.second));
  return make_list(std::move(items));
}

Value attribute_key(const Value& item, const Value* attribute, const Value* fallback,
                    bool case_sensitive) {
  return sort_key(attribute ? get_path(item, *attribute, fallback) : item, case_sensitive);
}

Value unique(Machine&, const Value& value, const Bound& arguments) {
  struct State {
    Next next;
    std::unordered_multimap<size_t, Value> seen;
  };
  const auto state = std::make_shared<State>(State{iterate(value), {}});
  const bool case_sensitive = arguments.truth_or(0, false);
  const Value attribute = arguments.value_or(1, Value(None{}));
  return make_generator(
      value.depth(), [state, case_sensitive, attribute]() -> std::optional<Value> {
        while (std::optional<Value> item = state->next()) {
          const Value key = attribute_key(*item, &attribute, nullptr, case_sensitive);
          const size_t hash = hash_of(key);
          const auto [begin, end] = state->seen.equal_range(hash);
          if (std::any_of(begin, end, [&](const auto& one) { return equal(one.second, key); }))
            continue;
          if (state->seen.size() % 1024 == 0) expect_memory(state->seen.size() * 128);
          state->seen.emplace(hash, key);
          return item;
        }
        return std::nullopt;
      });
}

Value extreme(const Value& value, const Bound& arguments, bool greatest) {
  const Next next = iterate(value);
  std::optional<Value> best, best_key;
  while (std::optional<Value> item = next()) {
    Value key = attribute_key(*item, arguments[1], nullptr, arguments.truth_or(0, false));
    if (best && !(greatest ? less(*best_key, key) : less(key, *best_key))) continue;
    best = std::move(item);
    best_key = std::move(key);
  }
  return best ? *best : make_undefined("No aggregated item, sequence was empty.");
}
Value least(Machine&, const Value& value, const Bound& a) { return extreme(value, a, false); }
Value most(Machine&, const Value& value, const Bound& a) { return extreme(value, a, true); }

Value sum(Machine&, const Value& value, const Bound& arguments) {
  Value total = arguments.value_or(1, Value(int64_t{0}));
  if (total.is_string()) fault("sum() can't sum strings [use ''.join(seq) instead]");
  const Next next = iterate(value);
  while (const std::optional<Value> item = next()) {
    total = arithmetic("+", total, arguments.none(0) ? *item : get_path(*item, *arguments[0]));
  }
  return total;
}

Value group_by(Machine&, const Value& value, const Bound& arguments) {
  const bool case_sensitive = arguments.truth_or(2, false);
  std::vector<Member> keyed;
  for (const Value& item : items_of(value)) {
    keyed.emplace_back(attribute_key(item, arguments[0], arguments[1], case_sensitive), item);
  }
  sort(keyed, [](const Member& a, const Member& b) { return less(a.first, b.first); });
  std::vector<Value> groups;
  for (size_t begin = 0; begin < keyed.size();) {
    std::vector<Value> group;
    size_t end = begin;
    for (; end < keyed.size() && equal(keyed[end].first, keyed[begin].first); ++end) {
      group.push_back(keyed[end].second);
    }
    if (end == begin) group.push_back(keyed[end++].second);  // NaN equals nothing
    const Value key = attribute_key(group[0], arguments[0], arguments[1], true);
    auto tuple = std::make_shared<List>(std::vector<Value>{key, make_list(std::move(group))},
                                        ListKind::kTuple);
    tuple->range[0] = 1;  // it has the attributes `grouper` and `list`
    groups.emplace_back(std::shared_ptr<const List>(std::move(tuple)));
    begin = end;
  }
  return make_list(std::move(groups));
}

Value batch(Machine&, const Value& value, const Bound& arguments) {
  const int64_t size = arguments.integer_or(0, 0);
  const Value fill = arguments.value_or(1, Value(None{}));
  const uint32_t depth = std::max(value.depth(), fill.depth());
  const auto next = [size, fill, all = iterate(value),
                     first = std::optional<Value>()]() mutable -> std::optional<Value> {
    std::vector<Value> items;
    if (first) items.push_back(std::move(*first));
    first.reset();
    while (std::optional<Value> item = all()) {
      if (static_cast<int64_t>(items.size()) == size) {
        first = std::move(item);
        return make_list(std::move(items));
      }
      items.push_back(std::move(*item));
    }
    if (items.empty()) return std::nullopt;
    if (!fill.is_none() && size > 0) {
      expect_memory(static_cast<size_t>(std::min<int64_t>(size, INT32_MAX)) * sizeof(Value));
      while (static_cast<int64_t>(items.size()) < size) items.push_back(fill);
    }
    return make_list(std::move(items));
  };
  return make_generator(depth, next);
}

Value slices(Machine&, const Value& value, const Bound& arguments) {
  const int64_t count = arguments.integer_or(0, 1);
  const Value fill = arguments.value_or(1, Value(None{}));
  const std::vector<Value> all = items_of(value);
  if (count == 0) fault("integer division or modulo by zero");
  expect_memory(static_cast<size_t>(std::clamp<int64_t>(count, 0, INT32_MAX)) * 100);
  std::vector<Value> parts;
  const auto size = static_cast<int64_t>(all.size());
  int64_t offset = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = offset + i * (size / count);
    if (i < size % count) ++offset;
    const int64_t end = offset + (i + 1) * (size / count);
    std::vector<Value> part(all.begin() + begin, all.begin() + end);
    if (!fill.is_none() && i >= size % count) part.push_back(fill);
    parts.push_back(make_list(std::move(part)));
  }
  const Value list = make_list(std::move(parts));
  return make_generator(list.depth(), iterate(list));
}

constexpr Filter kFilters[] = {
    {{"length", "", 0}, length, nullptr},
    {{"count", "", 0}, length, nullptr},
    {{"default", "default_value boolean", 0}, default_of, nullptr},
    {{"d", "default_value boolean", 0}, default_of, nullptr},
    {{"first", "", 0}, first, nullptr},
    {{"last", "", 0}, last, nullptr},
    {{"list", "", 0}, list, nullptr},
    {{"items", "", 0}, items, nullptr},
    {{"reverse", "", 0}, reverse, nullptr},
    {{"join", "d attribute", 0}, join, nullptr},
    {{"dictsort", "case_sensitive by reverse", 0}, dict_sort, nullptr},
    {{"sort", "reverse case_sensitive attribute", 0}, sorted, nullptr},
    {{"unique", "case_sensitive attribute", 0}, unique, nullptr},
    {{"min", "case_sensitive attribute", 0}, least, nullptr},
    {{"max", "case_sensitive attribute", 0}, most, nullptr},
    {{"sum", "attribute start", 0}, sum, nullptr},
    {{"groupby", "attribute default case_sensitive", 1}, group_by, nullptr},
    {{"batch", "linecount fill_with", 1}, batch, nullptr},
    {{"slice", "slices fill_with", 1}, slices, nullptr}};

}  // namespace

std::span<const Filter> list_filters() { return kFilters; }

}  // namespace matlora::text::jinja
