#include "matlora/text/models/word_table.h"

#include <bit>
#include <functional>

#include "matlora/base/error.h"

namespace matlora::text {

WordTable::WordTable(size_t expected) : slots_(std::bit_ceil(expected * 2 + 2)) {}

size_t WordTable::slot_of(std::string_view word, size_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.id < 0) return i;
    if (slot.hash != hash || slot.size != word.size()) continue;
    if (std::string_view(bytes_).substr(slot.begin, slot.size) == word) return i;
  }
}

void WordTable::add(std::string_view word, int32_t id) {
  check(id >= 0, "word table: id ", id);
  const size_t hash = std::hash<std::string_view>{}(word);
  Slot& slot = slots_[slot_of(word, hash)];
  if (slot.id >= 0) return;
  slot = {hash, bytes_.size(), word.size(), id};
  bytes_ += word;
}

int32_t WordTable::find(std::string_view word) const {
  return slots_[slot_of(word, std::hash<std::string_view>{}(word))].id;
}

}  // namespace matlora::text
