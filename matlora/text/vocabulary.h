// Token contents by id and ids by content.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace matlora::text {

/// Lets a map with string keys be searched by string_view.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using StringIds = std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>>;

class Vocabulary {
 public:
  /// Ids are array indices: above this limit a file is taken to be wrong.
  static constexpr int64_t kMaxId = (1 << 24) - 1;

  explicit Vocabulary(std::string where) : where_(std::move(where)) {}

  /// So many tokens follow: ids may be up to 16 times all that were announced, and 65535 in any
  /// case. A few tokens with huge ids would take memory that their file does not have.
  void expect(size_t tokens);

  /// Throws UserError when the id is out of range or taken by another content, or the content has
  /// another id already. Adding the same pair twice changes nothing.
  void add(const std::string& content, int64_t id);

  std::optional<int32_t> id(std::string_view content) const;
  /// "" when the id is unused. REQUIRES: 0 <= id < size().
  const std::string& content(int32_t id) const { return contents_[static_cast<size_t>(id)]; }
  int64_t size() const { return static_cast<int64_t>(contents_.size()); }  ///< largest id + 1
  const StringIds& ids() const { return ids_; }

 private:
  static constexpr int64_t kFree = 65535, kTimes = 16;

  std::string where_;
  int64_t highest_ = kFree;
  std::vector<std::string> contents_;
  std::vector<bool> used_;
  StringIds ids_;
};

}  // namespace matlora::text
