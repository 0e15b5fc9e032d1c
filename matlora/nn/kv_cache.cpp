#include "matlora/nn/kv_cache.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "matlora/base/error.h"

namespace matlora::nn {
namespace {

/// rows: [N, H_kv, D], of which [first, first + count) become memory[:, at.. , :] of
/// memory [H_kv, room, D]. Both contiguous: a step writes a few hundred bytes for each sequence
/// and layer, where a tensor operation would take longer than the copy.
void copy_rows(const at::Tensor& rows, int64_t first, int64_t count, const at::Tensor& memory,
               int64_t at) {
  const int64_t heads = memory.size(0), room = memory.size(1);
  const auto bytes = static_cast<size_t>(memory.size(2)) * memory.element_size();
  const char* from = static_cast<const char*>(rows.const_data_ptr());
  char* to = static_cast<char*>(memory.mutable_data_ptr());
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t head = 0; head < heads; ++head) {
      std::memcpy(to + static_cast<size_t>(head * room + at + i) * bytes,
                  from + static_cast<size_t>((first + i) * heads + head) * bytes, bytes);
    }
  }
}

/// How many tokens `slot` takes in with this pass.
int64_t new_tokens(std::span<const NewTokens> parts, int64_t slot) {
  for (const NewTokens& part : parts) {
    if (part.slot == slot) return part.count;
  }
  return 0;
}

void put(const at::Tensor& rows, int64_t first, int64_t count, const at::Tensor& memory,
         int64_t at) {
  if (memory.is_cpu() && rows.is_contiguous() && rows.scalar_type() == memory.scalar_type()) {
    copy_rows(rows, first, count, memory, at);
  } else {
    memory.narrow(1, at, count).copy_(rows.narrow(0, first, count).transpose(0, 1));
  }
}

}  // namespace

KvCache::KvCache(int64_t num_layers, int64_t num_kv_heads, int64_t head_dim,
                 const at::TensorOptions& options)
    : num_layers_(num_layers),
      num_kv_heads_(num_kv_heads),
      head_dim_(head_dim),
      options_(options) {}

int64_t KvCache::open(int64_t room, Keep keep, Variant variant) {
  check(room > 0, "kv cache: room for ", room, " tokens");
  // Of the closed slots the smallest that is large enough, else the largest, which grows.
  const auto usable = [&](const Slot& slot) { return !slot.open && slot.keep == keep; };
  const auto better = [&](const Slot& a, const Slot& b) {
    if (usable(a) != usable(b)) return usable(a);
    if ((a.room >= room) != (b.room >= room)) return a.room >= room;
    return a.room >= room ? a.room < b.room : a.room > b.room;
  };
  auto found = std::min_element(slots_.begin(), slots_.end(), better);
  if (found == slots_.end() || !usable(*found)) found = slots_.insert(slots_.end(), Slot());
  if (found->room < room) {
    *found = Slot();  // before the new memory is there
    const int64_t kept = keep == Keep::pass ? 1 : num_layers_;
    const std::vector<int64_t> shape = {kept, num_kv_heads_, room, head_dim_};
    found->keys = at::empty(shape, options_).unbind(0);
    found->values = at::empty(shape, options_).unbind(0);
    found->room = room;
  }
  found->length = 0;
  found->open = true;
  found->keep = keep;
  found->variant = variant;
  return found - slots_.begin();
}

int64_t KvCache::fork(int64_t slot, int64_t room, Keep keep, int64_t ahead) {
  std::vector<Part> before = this->slot(slot).before;
  before.push_back({slot, this->slot(slot).length + ahead});
  const int64_t fork = open(room, keep, this->slot(slot).variant);
  this->slot(fork).before = std::move(before);
  ++this->slot(slot).forks;
  return fork;
}

void KvCache::close(int64_t slot) {
  Slot& closed = this->slot(slot);
  check(closed.forks == 0, "kv cache: slot ", slot, " closed before those that go on from it");
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

std::vector<CachedSequence> KvCache::append(int64_t layer, std::span<const NewTokens> parts,
                                            const at::Tensor& keys, const at::Tensor& values) {
  std::vector<CachedSequence> sequences;
  sequences.reserve(parts.size());
  int64_t first = 0;
  for (const NewTokens& part : parts) {
    const Slot& to = slot(part.slot);
    const int64_t length = to.length + part.count;
    check(length <= to.room, "kv cache: ", length, " tokens, room for ", to.room);
    const size_t i = to.place(layer);
    put(keys, first, part.count, to.keys[i], to.length);
    put(values, first, part.count, to.values[i], to.length);
    sequences.push_back({{to.keys[i], to.values[i], length}, part.count, {}});
    for (const Part& before : to.before) {
      const Slot& from = slot(before.slot);
      const size_t j = from.place(layer);
      check(from.length >= before.length ||
                from.length + new_tokens(parts, before.slot) >= before.length,
            "kv cache: slot ", part.slot, " goes on from tokens that are not there");
      sequences.back().before.push_back({from.keys[j], from.values[j], before.length});
    }
    first += part.count;
  }
  check(first == keys.size(0), "kv cache: keys of ", keys.size(0), " tokens, expected ", first);
  return sequences;
}

void KvCache::advance(std::span<const NewTokens> parts) {
  for (const NewTokens& part : parts) slot(part.slot).length += part.count;
}

}  // namespace matlora::nn
