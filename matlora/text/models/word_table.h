// Words by their bytes, for the question that an encoder asks first of every piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace matlora::text {

/// Open addressing over one block of bytes: two places in memory a question, wherever the words
/// come from.
class WordTable {
 public:
  /// `expected` words at most will be added.
  explicit WordTable(size_t expected);

  /// REQUIRES: id >= 0. A word that is added again keeps its first id.
  void add(std::string_view word, int32_t id);
  /// -1 when the word is not in it.
  int32_t find(std::string_view word) const;

 private:
  struct Slot {
    size_t hash = 0, begin = 0, size = 0;  // begin and size in bytes_
    int32_t id = -1;                       // -1: free
  };
  size_t slot_of(std::string_view word, size_t hash) const;

  std::vector<Slot> slots_;
  std::string bytes_;
};

}  // namespace matlora::text
