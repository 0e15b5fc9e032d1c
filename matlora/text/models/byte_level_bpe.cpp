#include "matlora/text/models/byte_level_bpe.h"

#include <algorithm>
#include <utility>

#include "matlora/text/byte_level.h"

namespace matlora::text {
ByteLevelBpe::ByteLevelBpe(const Vocabulary& vocabulary, const MergePairs& merges,
                           BpeOptions options, const std::string& where)
    : options_(std::move(options)),
      merges_(merge_table(vocabulary, merges, 0, where)),
      words_(vocabulary.ids().size()) {
  for (int byte = 0; byte < 256; ++byte) {
    const char one[] = {static_cast<char>(byte), '\0'};
    byte_ids_[static_cast<size_t>(byte)] =
        vocabulary.id(to_byte_characters(std::string_view(one, 1))).value_or(-1);
  }
  for (const auto& [content, id] : vocabulary.ids()) {
    const auto word = from_byte_characters(content);
    if (!word || word->empty()) continue;
    if (!options_.ignore_merges) {
      const bool whole = std::all_of(word->begin(), word->end(), [&](char byte) {
        return byte_ids_[static_cast<unsigned char>(byte)] >= 0;
      });
      if (!whole) continue;
      std::vector<int32_t> ids = byte_ids(*word);
      merge_all(merges_, ids);
      if (ids != std::vector{id}) continue;
    }
    words_.add(*word, id);
  }
}

void ByteLevelBpe::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  if (const int32_t known = words_.find(piece); known >= 0) {
    ids.push_back(known);
    return;
  }
  std::vector<int32_t> parts = byte_ids(piece);
  merge_all(merges_, parts);
  ids.insert(ids.end(), parts.begin(), parts.end());
}

std::vector<int32_t> ByteLevelBpe::byte_ids(std::string_view piece) const {
  std::vector<int32_t> ids;
  ids.reserve(piece.size());
  bool after_unknown = false;
  for (const char byte : piece) {
    const int32_t id = byte_ids_[static_cast<unsigned char>(byte)];
    const bool unknown = id < 0;
    if (!unknown) {
      ids.push_back(id);
    } else if (options_.unknown_id && !(after_unknown && options_.fuse_unknown)) {
      ids.push_back(*options_.unknown_id);
    } else if (options_.lacks_unknown) {
      fail_without_unknown(to_byte_characters({&byte, 1}));
    }
    after_unknown = unknown;
  }
  return ids;
}

}  // namespace matlora::text
