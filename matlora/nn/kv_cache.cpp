#include "matlora/nn/kv_cache.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "matlora/base/error.h"

namespace matlora::nn {
namespace {

/// The new tokens of one slot in rows [N, H_kv, D] of several: [first, first + count).
struct FreshRows {
  const at::Tensor& rows;
  int64_t first, count;
};

/// They become memory[:, at.. , :] of memory [H_kv, capacity, D]. Both contiguous: a step writes a
/// few hundred bytes for each sequence and layer, where a tensor operation would take longer than
/// the copy.
void copy_rows(const FreshRows& fresh, const at::Tensor& memory, int64_t at) {
  const int64_t heads = memory.size(0), capacity = memory.size(1);
  const auto bytes = static_cast<size_t>(memory.size(2)) * memory.element_size();
  const char* from = static_cast<const char*>(fresh.rows.const_data_ptr());
  char* to = static_cast<char*>(memory.mutable_data_ptr());
  for (int64_t i = 0; i < fresh.count; ++i) {
    for (int64_t head = 0; head < heads; ++head) {
      std::memcpy(to + static_cast<size_t>(head * capacity + at + i) * bytes,
                  from + static_cast<size_t>((fresh.first + i) * heads + head) * bytes, bytes);
    }
  }
}

/// Rows [first, first + count) of memory [H_kv, rows, D] become its first ones.
void move_to_front(const at::Tensor& memory, int64_t first, int64_t count) {
  if (first == 0 || count == 0) return;
  memory.narrow(1, 0, count).copy_(memory.narrow(1, first, count).clone());
}

/// How many tokens `slot` takes in with this pass.
int64_t new_tokens(std::span<const NewTokens> parts, int64_t slot) {
  for (const NewTokens& part : parts) {
    if (part.slot == slot) return part.count;
  }
  return 0;
}

void put(const FreshRows& fresh, const at::Tensor& memory, int64_t at) {
  const at::Tensor& rows = fresh.rows;
  if (memory.is_cpu() && rows.is_contiguous() && rows.scalar_type() == memory.scalar_type()) {
    copy_rows(fresh, memory, at);
  } else {
    memory.narrow(1, at, fresh.count)
        .copy_(rows.narrow(0, fresh.first, fresh.count).transpose(0, 1));
  }
}

}  // namespace

KvCache::KvCache(std::vector<int64_t> windows, int64_t num_kv_heads, int64_t head_dim,
                 const at::TensorOptions& options)
    : windows_(std::move(windows)),
      num_kv_heads_(num_kv_heads),
      head_dim_(head_dim),
      options_(options) {}

int64_t KvCache::open(int64_t capacity, Keep keep, Variant variant) {
  check(capacity > 0, "kv cache: a capacity of ", capacity, " tokens");
  // Of the closed slots the smallest that is large enough, else the largest, which grows.
  const auto usable = [&](const Slot& slot) { return !slot.open && slot.keep == keep; };
  const auto better = [&](const Slot& a, const Slot& b) {
    if (usable(a) != usable(b)) return usable(a);
    if ((a.capacity >= capacity) != (b.capacity >= capacity)) return a.capacity >= capacity;
    return a.capacity >= capacity ? a.capacity < b.capacity : a.capacity > b.capacity;
  };
  auto found = std::min_element(slots_.begin(), slots_.end(), better);
  if (found == slots_.end() || !usable(*found)) found = slots_.insert(slots_.end(), Slot());
  if (found->capacity < capacity) {
    *found = Slot();  // before the new memory is there
    give_memory(*found, capacity, keep);
  }
  std::fill(found->dropped.begin(), found->dropped.end(), 0);
  found->length = 0;
  found->open = true;
  found->keep = keep;
  found->variant = variant;
  return found - slots_.begin();
}

/// Layers that keep equally many tokens share an allocation.
void KvCache::give_memory(Slot& slot, int64_t capacity, Keep keep) const {
  const size_t kept = keep == Keep::pass ? 1 : windows_.size();
  std::map<int64_t, std::vector<size_t>> by_rows;
  for (size_t i = 0; i < kept; ++i) {
    const bool all = keep == Keep::pass || windows_[i] == 0;
    by_rows[all ? capacity : std::min(capacity, windows_[i] + kSlack)].push_back(i);
  }
  slot.keys.resize(kept);
  slot.values.resize(kept);
  slot.dropped.assign(kept, 0);
  for (const auto& [rows, layers] : by_rows) {
    const std::vector<int64_t> shape = {static_cast<int64_t>(layers.size()), num_kv_heads_, rows,
                                        head_dim_};
    const std::vector<at::Tensor> keys = at::empty(shape, options_).unbind(0);
    const std::vector<at::Tensor> values = at::empty(shape, options_).unbind(0);
    for (size_t i = 0; i < layers.size(); ++i) {
      slot.keys[layers[i]] = keys[i];
      slot.values[layers[i]] = values[i];
    }
  }
  slot.capacity = capacity;
}

int64_t KvCache::fork(int64_t slot, int64_t capacity, Keep keep, int64_t ahead) {
  std::vector<Part> before = this->slot(slot).before;
  const int64_t own = this->slot(slot).length + ahead;
  before.push_back({slot, own});
  const int64_t fork = open(capacity, keep, this->slot(slot).variant);
  this->slot(fork).before = std::move(before);
  Slot& origin = this->slot(slot);
  origin.first_fork = origin.forks == 0 ? own : std::min(origin.first_fork, own);
  ++origin.forks;
  return fork;
}

void KvCache::close(int64_t slot) {
  Slot& closed = this->slot(slot);
  check(closed.forks == 0, "kv cache: slot ", slot, " closed before those that continue it");
  if (!closed.before.empty()) --this->slot(closed.before.back().slot).forks;
  closed.before.clear();
  closed.open = false;
}

int64_t KvCache::length(int64_t slot) const {
  const Slot& of = this->slot(slot);
  int64_t length = of.length;
  for (const Part& part : of.before) length += part.length;
  return length;
}

Variant KvCache::variant(int64_t slot) const { return this->slot(slot).variant; }

const KvCache::Slot& KvCache::slot(int64_t index) const {
  check(index >= 0 && index < static_cast<int64_t>(slots_.size()) &&
            slots_[static_cast<size_t>(index)].open,
        "kv cache: slot ", index, " is not open");
  return slots_[static_cast<size_t>(index)];
}

KvCache::Slot& KvCache::slot(int64_t index) {
  return const_cast<Slot&>(std::as_const(*this).slot(index));
}

/// The first of a slot's own tokens that its token `next` and those after it see in a layer with a
/// window, or that those of its forks see.
int64_t KvCache::oldest_needed(const Slot& slot, int64_t layer, int64_t next) const {
  if (slot.forks > 0) next = std::min(next, slot.first_fork);
  const int64_t oldest = next - windows_[static_cast<size_t>(layer)] + 1;
  return std::max(oldest, slot.dropped[slot.place(layer)]);
}

/// The slot's new tokens, rows [first, first + count) of keys and values. Where they find no space,
/// the layer's old tokens are dropped; where the new ones and those that they see need more space
/// than the layer has, they get memory for this pass, whose last tokens stay.
CachedTokens KvCache::append_own(Slot& to, int64_t layer, const at::Tensor& keys,
                                 const at::Tensor& values, int64_t first, int64_t count) const {
  const size_t i = to.place(layer);
  at::Tensor &own_keys = to.keys[i], &own_values = to.values[i];
  const int64_t rows = own_keys.size(1);
  const auto put_both = [&](const at::Tensor& to_keys, const at::Tensor& to_values, int64_t at) {
    put({keys, first, count}, to_keys, at);
    put({values, first, count}, to_values, at);
    return CachedTokens{to_keys, to_values, at + count};
  };
  const int64_t there = to.length - to.dropped[i];
  if (there + count <= rows) return put_both(own_keys, own_values, there);
  const int64_t oldest = oldest_needed(to, layer, to.length);
  const int64_t old = oldest - to.dropped[i], kept = to.length - oldest;
  to.dropped[i] = oldest;
  if (kept + count <= rows) {
    move_to_front(own_keys, old, kept);
    move_to_front(own_values, old, kept);
    return put_both(own_keys, own_values, kept);
  }
  const auto larger = [&](const at::Tensor& memory) {
    at::Tensor result = at::empty({num_kv_heads_, kept + count, head_dim_}, options_);
    result.narrow(1, 0, kept).copy_(memory.narrow(1, old, kept));
    return result;
  };
  const CachedTokens all = put_both(larger(own_keys), larger(own_values), kept);
  const int64_t next = oldest_needed(to, layer, to.length + count);
  const int64_t stay = to.length + count - next;
  if (stay <= rows) {
    own_keys.narrow(1, 0, stay).copy_(all.keys.narrow(1, all.length - stay, stay));
    own_values.narrow(1, 0, stay).copy_(all.values.narrow(1, all.length - stay, stay));
    to.dropped[i] = next;
  } else {  // forks hold them
    own_keys = all.keys;
    own_values = all.values;
  }
  return all;
}

std::vector<CachedSequence> KvCache::append(int64_t layer, std::span<const NewTokens> parts,
                                            const at::Tensor& keys, const at::Tensor& values) {
  std::vector<CachedSequence> sequences;
  sequences.reserve(parts.size());
  int64_t first = 0;
  for (const NewTokens& part : parts) {
    Slot& to = slot(part.slot);
    const int64_t length = to.length + part.count;
    check(length <= to.capacity, "kv cache: ", length, " tokens, capacity ", to.capacity);
    check(first + part.count <= keys.size(0), "kv cache: keys of ", keys.size(0), " tokens");
    sequences.push_back({append_own(to, layer, keys, values, first, part.count), part.count, {}});
    first += part.count;
  }
  check(first == keys.size(0), "kv cache: keys of ", keys.size(0), " tokens, expected ", first);
  for (size_t i = 0; i < parts.size(); ++i) {  // once all origins have their tokens
    for (const Part& before : slot(parts[i].slot).before) {
      const Slot& from = slot(before.slot);
      const size_t j = from.place(layer);
      check(from.length + new_tokens(parts, before.slot) >= before.length, "kv cache: slot ",
            parts[i].slot, " continues tokens that are not there");
      const int64_t length = before.length - from.dropped[j];
      if (length > 0) sequences[i].before.push_back({from.keys[j], from.values[j], length});
    }
  }
  return sequences;
}

int64_t KvCache::bytes() const {
  int64_t sum = 0;
  for (const Slot& slot : slots_) {
    for (const at::Tensor& keys : slot.keys) sum += 2 * static_cast<int64_t>(keys.nbytes());
  }
  return sum;
}

void KvCache::advance(std::span<const NewTokens> parts) {
  for (const NewTokens& part : parts) slot(part.slot).length += part.count;
}

}  // namespace matlora::nn
