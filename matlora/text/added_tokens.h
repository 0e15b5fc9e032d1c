// Tokens that are recognised in the text itself, before pre-tokenization (special or not).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace matlora::text {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool special = false;                 // left out by decode(skip_special)
  bool single_word = false;             // not inside a word
  bool lstrip = false, rstrip = false;  // takes the white space on that side along
  bool normalized = false;              // looked for in the normalised text
};

/// A stretch of a text: an added token, or text between them.
struct Section {
  std::string_view text;
  const AddedToken* token = nullptr;  // null: plain text
};

/// Finds a set of added tokens: leftmost first, the longest of those that begin there.
class AddedTokenFinder {
 public:
  /// `content` is what to look for, not necessarily token.content (normalisation). An empty one is
  /// never found; of two equal ones the later wins.
  void add(std::string_view content, AddedToken token);

  /// The sections of `text` (valid UTF-8) in order; none is empty.
  std::vector<Section> split(std::string_view text) const;

 private:
  struct Found {
    size_t length;
    const AddedToken* token;
  };
  std::optional<Found> find_at(std::string_view text, size_t begin) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<uint64_t, uint32_t> edges_;  // node << 8 | byte -> node; 0 is the root
  std::vector<int64_t> token_of_node_{-1};        // -1: no token ends here
  bool first_bytes_[256] = {};
};

}  // namespace matlora::text
