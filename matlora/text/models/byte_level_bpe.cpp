#include "matlora/text/models/byte_level_bpe.h"

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/text/byte_level.h"
#include "matlora/text/models/kinds.h"

namespace matlora::text {
namespace {

int32_t require(const Vocabulary& vocabulary, const std::string& token, const std::string& where,
                size_t rank) {
  const auto id = vocabulary.id(token);
  if (!id) {
    fail(where, "merge ", rank, ": token '", printable(token), "' is not in the vocabulary");
  }
  return *id;
}

void refuse(const JsonObject& model, const std::string& key, bool present) {
  if (present) fail(model.where(), "'", key, "' is not supported in a byte-level model");
}

}  // namespace

ByteLevelBpe::ByteLevelBpe(const Vocabulary& vocabulary, const MergePairs& merges,
                           ByteLevelBpeOptions options, const std::string& where)
    : options_(options), merges_(merges.size()), words_(vocabulary.ids().size()) {
  for (int byte = 0; byte < 256; ++byte) {
    const char one[] = {static_cast<char>(byte), '\0'};
    byte_ids_[static_cast<size_t>(byte)] =
        vocabulary.id(to_byte_characters(std::string_view(one, 1))).value_or(-1);
  }
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const int32_t left_id = require(vocabulary, left, where, rank);
    const int32_t right_id = require(vocabulary, right, where, rank);
    const int32_t result = require(vocabulary, left + right, where, rank);
    merges_.add(left_id, right_id, {static_cast<uint32_t>(rank), result});
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
  refuse(part, "byte_fallback", part.boolean_or("byte_fallback", false));
  refuse(part, "dropout", part.number_or("dropout", 0) != 0);
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    refuse(part, key, !part.string_or(key, "").empty());
  }
  read_vocabulary(part, vocabulary);
  const MergePairs merges = read_merges(part);
  ByteLevelBpeOptions options;
  options.ignore_merges = part.boolean_or("ignore_merges", false);
  options.fuse_unknown = part.boolean_or("fuse_unk", false);
  if (const std::string unknown = part.string_or("unk_token", ""); !unknown.empty()) {
    options.unknown_id = vocabulary.id(unknown);
    if (!options.unknown_id) {
      fail(part.where(), "unk_token '", printable(unknown), "' is not in the vocabulary");
    }
  }
  return std::make_unique<ByteLevelBpe>(vocabulary, merges, options, part.where());
}

}  // namespace matlora::text
