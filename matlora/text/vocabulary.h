// Token contents by id and ids by content.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace matlora::text {

/// Lets a map with string keys be searched by string_view.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using StringIds = std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>>;

class Vocabulary {
 public:
  /// Above this limit a file is taken to be wrong.
  static constexpr int64_t kMaxId = (1 << 24) - 1;

  explicit Vocabulary(std::string where) : where_(std::move(where)) {}
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  /// Throws UserError when the id is out of range or taken by another content, or the content has
  /// another id already. Adding the same pair twice changes nothing.
  void add(const std::string& content, int64_t id);

  /// The same for files in which tokens may have equal contents: the last of these is what the
  /// content's id is, and each id keeps the content.
  void add_equal(const std::string& content, int64_t id);

  std::optional<int32_t> id(std::string_view content) const;
  /// "" when the id is unused.
  const std::string& content(int32_t id) const;
  int64_t size() const { return size_; }  ///< largest id + 1
  const StringIds& ids() const { return ids_; }
  /// By id. Points to the keys of ids(), which stay.
  const std::unordered_map<int32_t, const std::string*>& contents() const { return contents_; }

 private:
  void add(const std::string& content, int64_t id, bool may_be_equal);

  std::string where_;
  // Not an array: a short file may name a high id.
  std::unordered_map<int32_t, const std::string*> contents_;
  StringIds ids_;
  int64_t size_ = 0;
};

}  // namespace matlora::text
