#include "matlora/text/vocabulary.h"

#include <algorithm>

#include "matlora/base/error.h"

namespace matlora::text {

void Vocabulary::expect(size_t tokens) {
  highest_ = std::min(kMaxId, highest_ + kTimes * static_cast<int64_t>(tokens));
}

void Vocabulary::add(const std::string& content, int64_t id) {
  const std::string name = printable(content);
  if (id < 0 || id > highest_) {
    fail(where_, "token '", name, "': id out of range; expected 0 to ", highest_, ", got ", id);
  }
  const auto [entry, inserted] = ids_.try_emplace(content, static_cast<int32_t>(id));
  if (!inserted) {
    if (entry->second == id) return;
    fail(where_, "token '", name, "' has two ids: ", entry->second, " and ", id);
  }
  const auto index = static_cast<size_t>(id);
  if (index >= contents_.size()) {
    contents_.resize(index + 1);
    used_.resize(index + 1);
  }
  if (used_[index]) {
    fail(where_, "id ", id, " is given to two tokens: '", printable(contents_[index]), "' and '",
         name, "'");
  }
  contents_[index] = content;
  used_[index] = true;
}

std::optional<int32_t> Vocabulary::id(std::string_view content) const {
  const auto entry = ids_.find(content);
  if (entry == ids_.end()) return std::nullopt;
  return entry->second;
}

}  // namespace matlora::text
