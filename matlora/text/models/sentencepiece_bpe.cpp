#include "matlora/text/models/sentencepiece_bpe.h"

#include <optional>
#include <utility>

#include "matlora/text/unicode.h"

namespace matlora::text {

SentencePieceBpe::SentencePieceBpe(const Vocabulary& vocabulary, const MergePairs& merges,
                                   BpeOptions options, const std::string& where)
    : options_(std::move(options)),
      tokens_(vocabulary.ids()),
      byte_ids_(byte_token_ids(vocabulary)),
      merges_(merge_table(vocabulary, merges, options_.prefix.size(), where)) {}

void SentencePieceBpe::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  if (options_.ignore_merges) {
    if (const auto whole = tokens_.find(piece); whole != tokens_.end()) {
      ids.push_back(whole->second);
      return;
    }
  }
  std::vector<int32_t> parts = character_ids(piece);
  merge_all(merges_, parts);
  ids.insert(ids.end(), parts.begin(), parts.end());
}

/// As `tokenizers` does it, an unknown token waits for the next character that has a token, so
/// byte tokens in between go before it.
std::vector<int32_t> SentencePieceBpe::character_ids(std::string_view piece) const {
  std::vector<int32_t> ids;
  ids.reserve(piece.size());
  const bool affixes = !options_.prefix.empty() || !options_.suffix.empty();
  std::string affixed;
  bool unknown_waits = false;
  const auto add_unknown = [&] {
    if (unknown_waits) ids.push_back(*options_.unknown_id);
    unknown_waits = false;
  };
  for (size_t offset = 0; offset < piece.size();) {
    const size_t begin = offset;
    next_code_point(piece, offset);
    std::string_view character = piece.substr(begin, offset - begin);
    if (affixes) {
      affixed = (begin == 0 ? "" : options_.prefix) + std::string(character);
      if (offset == piece.size()) affixed += options_.suffix;
      character = affixed;
    }
    if (const auto known = tokens_.find(character); known != tokens_.end()) {
      add_unknown();
      ids.push_back(known->second);
    } else if (options_.byte_fallback && has_byte_tokens(byte_ids_, character)) {
      for (const char byte : character) ids.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
    } else if (options_.unknown_id) {
      if (!options_.fuse_unknown) add_unknown();
      unknown_waits = true;
    } else if (options_.lacks_unknown) {
      fail_without_unknown(character);
    }
  }
  add_unknown();
  return ids;
}

}  // namespace matlora::text
