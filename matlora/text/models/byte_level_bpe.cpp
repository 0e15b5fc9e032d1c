#include "matlora/text/models/byte_level_bpe.h"

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/text/byte_level.h"
#include "matlora/text/models/kinds.h"

namespace matlora::text {
ByteLevelBpe::ByteLevelBpe(const Vocabulary& vocabulary, const MergePairs& merges,
                           BpeOptions options, const std::string& where)
    : options_(options),
      merges_(merge_table(vocabulary, merges, where)),
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
    }
    after_unknown = unknown;
  }
  return ids;
}

std::unique_ptr<const Model> read_byte_level_bpe(const JsonObject& part, Vocabulary& vocabulary) {
  if (part.boolean_or("byte_fallback", false)) {
    fail(part.where(), "'byte_fallback' is not supported in a byte-level model");
  }
  read_vocabulary(part, vocabulary);
  return std::make_unique<ByteLevelBpe>(vocabulary, read_merges(part),
                                        read_bpe_options(part, vocabulary), part.where());
}

}  // namespace matlora::text
