#include "matlora/text/vocabulary.h"

#include <algorithm>

#include "matlora/base/error.h"

namespace matlora::text {

void Vocabulary::add(const std::string& content, int64_t id) { add(content, id, false); }

void Vocabulary::add_equal(const std::string& content, int64_t id) { add(content, id, true); }

void Vocabulary::add(const std::string& content, int64_t id, bool may_be_equal) {
  const std::string name = printable(content);
  if (id < 0 || id > kMaxId) {
    fail(where_, "token '", name, "': id out of range; expected 0 to ", kMaxId, ", got ", id);
  }
  const auto [entry, inserted] = ids_.try_emplace(content, static_cast<int32_t>(id));
  if (!inserted) {
    if (entry->second == id) return;
    if (!may_be_equal) fail(where_, "token '", name, "' has two ids: ", entry->second, " and ", id);
    entry->second = static_cast<int32_t>(id);
  }
  const auto [place, unused] = contents_.try_emplace(entry->second, &entry->first);
  if (!unused) {
    fail(where_, "id ", id, " is given to two tokens: '", printable(*place->second), "' and '",
         name, "'");
  }
  size_ = std::max(size_, id + 1);
}

const std::string& Vocabulary::content(int32_t id) const {
  static const std::string none;
  const auto found = contents_.find(id);
  return found == contents_.end() ? none : *found->second;
}

std::optional<int32_t> Vocabulary::id(std::string_view content) const {
  const auto entry = ids_.find(content);
  if (entry == ids_.end()) return std::nullopt;
  return entry->second;
}

}  // namespace matlora::text
